import { directoryStore } from '../support/test-archive.ts';
import { killSuite } from './suites/kill.ts';

killSuite(directoryStore);
