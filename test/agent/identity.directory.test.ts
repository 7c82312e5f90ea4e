import { directoryStore } from '../support/test-archive.ts';
import { identitySuite } from './suites/identity.ts';

identitySuite(directoryStore);
