import { onS3 } from '../support/s3-test-archive.ts';
import { tablespacesSuite } from './suites/tablespaces.ts';

await onS3((store) => tablespacesSuite(store));
