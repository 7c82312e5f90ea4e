import { directoryStore } from '../support/test-archive.ts';
import { retentionSuite } from './suites/retention.ts';

retentionSuite(directoryStore);
