import { directoryStore } from '../support/test-archive.ts';
import { backupsSuite } from './suites/backups.ts';

backupsSuite(directoryStore);
