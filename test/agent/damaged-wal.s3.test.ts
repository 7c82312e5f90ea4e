import { onS3 } from '../support/s3-test-archive.ts';
import { damagedWalSuite } from './suites/damaged-wal.ts';

await onS3((store) => damagedWalSuite(store));
