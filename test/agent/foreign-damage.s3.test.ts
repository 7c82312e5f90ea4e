import { onS3 } from '../support/s3-test-archive.ts';
import { foreignDamageSuite } from './suites/foreign-damage.ts';

await onS3((store) => foreignDamageSuite(store));
