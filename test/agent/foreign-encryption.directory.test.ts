import { directoryStore } from '../support/test-archive.ts';
import { foreignEncryptionSuite } from './suites/foreign-encryption.ts';

foreignEncryptionSuite(directoryStore);
