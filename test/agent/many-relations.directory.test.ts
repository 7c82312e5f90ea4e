import { directoryStore } from '../support/test-archive.ts';
import { manyRelationsSuite } from './suites/many-relations.ts';

manyRelationsSuite(directoryStore);
