import { onS3 } from '../support/s3-test-archive.ts';
import { exitStatusInPostgresSuite } from './suites/exit-statuses-in-postgres.ts';

await onS3((store) => exitStatusInPostgresSuite(store));
