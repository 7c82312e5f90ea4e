import { onS3 } from '../support/s3-test-archive.ts';
import { identitySuite } from './suites/identity.ts';

await onS3((store) => identitySuite(store));
