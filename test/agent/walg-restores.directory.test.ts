import { directoryStore } from '../support/test-archive.ts';
import { walGRestoresSuite } from './suites/walg-restores.ts';

walGRestoresSuite(directoryStore);
