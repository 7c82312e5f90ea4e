import { onS3 } from '../support/s3-test-archive.ts';
import { manyRelationsSuite } from './suites/many-relations.ts';

await onS3((store) => manyRelationsSuite(store, 2_000));
