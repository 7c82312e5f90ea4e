import { onS3 } from '../support/s3-test-archive.ts';
import { encryptionSuite } from './suites/encryption.ts';

await onS3((store) => encryptionSuite(store));
