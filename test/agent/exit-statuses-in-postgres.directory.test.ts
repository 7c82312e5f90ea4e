import { directoryStore } from '../support/test-archive.ts';
import { exitStatusInPostgresSuite } from './suites/exit-statuses-in-postgres.ts';

exitStatusInPostgresSuite(directoryStore);
