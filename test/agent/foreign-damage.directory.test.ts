import { directoryStore } from '../support/test-archive.ts';
import { foreignDamageSuite } from './suites/foreign-damage.ts';

foreignDamageSuite(directoryStore);
