import { onS3 } from '../support/s3-test-archive.ts';
import { retentionSuite } from './suites/retention.ts';

await onS3((store) => retentionSuite(store));
