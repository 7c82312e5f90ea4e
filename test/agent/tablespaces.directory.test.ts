import { directoryStore } from '../support/test-archive.ts';
import { tablespacesSuite } from './suites/tablespaces.ts';

tablespacesSuite(directoryStore);
