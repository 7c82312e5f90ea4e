import { onS3 } from '../support/s3-test-archive.ts';
import { foreignBackupsSuite } from './suites/foreign-backups.ts';

await onS3((store) => foreignBackupsSuite(store, ['zst', 'lzo in stored blocks', 'none']));
