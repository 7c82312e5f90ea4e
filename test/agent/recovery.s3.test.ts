import { onS3 } from '../support/s3-test-archive.ts';
import { recoverySuite } from './suites/recovery.ts';

await onS3((store) => recoverySuite(store, [14, 18]));
