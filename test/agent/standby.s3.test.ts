import { onS3 } from '../support/s3-test-archive.ts';
import { standbySuite } from './suites/standby.ts';

await onS3((store) => standbySuite(store, [18]));
