import { directoryStore } from '../support/test-archive.ts';
import { damagedWalSuite } from './suites/damaged-wal.ts';

damagedWalSuite(directoryStore);
