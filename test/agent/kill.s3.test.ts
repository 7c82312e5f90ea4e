import { onS3 } from '../support/s3-test-archive.ts';
import { killSuite } from './suites/kill.ts';

await onS3((store) => killSuite(store, { ofPush: 16, ofBackup: 12 }));
