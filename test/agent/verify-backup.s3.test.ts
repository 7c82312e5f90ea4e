import { onS3 } from '../support/s3-test-archive.ts';
import { verifyBackupSuite } from './suites/verify-backup.ts';

await onS3((store) => verifyBackupSuite(store));
