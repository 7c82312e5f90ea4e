import { directoryStore } from '../support/test-archive.ts';
import { pagesSuite } from './suites/pages.ts';

pagesSuite(directoryStore);
