import { directoryStore } from '../support/test-archive.ts';
import { exitStatusSuite } from './suites/exit-statuses.ts';

exitStatusSuite(directoryStore);
