import { directoryStore } from '../support/test-archive.ts';
import { recoverySuite } from './suites/recovery.ts';

recoverySuite(directoryStore);
