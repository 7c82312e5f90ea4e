import { onS3 } from '../support/s3-test-archive.ts';
import { foreignEncryptionSuite } from './suites/foreign-encryption.ts';

await onS3((store) => foreignEncryptionSuite(store));
