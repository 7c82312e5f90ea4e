import { directoryStore } from '../support/test-archive.ts';
import { damagedBackupsSuite } from './suites/damaged-backups.ts';

damagedBackupsSuite(directoryStore);
