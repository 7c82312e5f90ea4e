import { onS3 } from '../support/s3-test-archive.ts';
import { exitStatusSuite } from './suites/exit-statuses.ts';

await onS3((store) => exitStatusSuite(store));
