import { directoryStore } from '../support/test-archive.ts';
import { foreignBackupsSuite } from './suites/foreign-backups.ts';

foreignBackupsSuite(directoryStore);
