import { directoryStore } from '../support/test-archive.ts';
import { standbySuite } from './suites/standby.ts';

standbySuite(directoryStore);
