import { directoryStore } from '../support/test-archive.ts';
import { segmentSizesSuite } from './suites/segment-sizes.ts';

segmentSizesSuite(directoryStore);
