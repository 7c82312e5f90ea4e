import { directoryStore } from '../support/test-archive.ts';
import { verifyBackupSuite } from './suites/verify-backup.ts';

verifyBackupSuite(directoryStore);
