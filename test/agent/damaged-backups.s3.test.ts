import { onS3 } from '../support/s3-test-archive.ts';
import { damagedBackupsSuite } from './suites/damaged-backups.ts';

await onS3((store) => damagedBackupsSuite(store, ['lz4']));
