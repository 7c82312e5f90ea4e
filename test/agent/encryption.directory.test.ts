import { directoryStore } from '../support/test-archive.ts';
import { encryptionSuite } from './suites/encryption.ts';

encryptionSuite(directoryStore);
