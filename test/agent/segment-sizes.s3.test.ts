import { onS3 } from '../support/s3-test-archive.ts';
import { segmentSizesSuite } from './suites/segment-sizes.ts';

await onS3((store) => segmentSizesSuite(store, [1, 64]));
