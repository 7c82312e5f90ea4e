import { onS3 } from '../support/s3-test-archive.ts';
import { walGRestoresSuite } from './suites/walg-restores.ts';

await onS3((store) => walGRestoresSuite(store));
