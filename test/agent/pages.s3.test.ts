import { onS3 } from '../support/s3-test-archive.ts';
import { pagesSuite } from './suites/pages.ts';

await onS3((store) => pagesSuite(store));
