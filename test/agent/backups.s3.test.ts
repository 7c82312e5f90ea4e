import { onS3 } from '../support/s3-test-archive.ts';
import { backupsSuite } from './suites/backups.ts';

await onS3((store) => backupsSuite(store));
