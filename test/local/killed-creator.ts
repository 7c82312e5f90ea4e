import { parseObjectKey } from '../../lib/core/archive/object-key.ts';
import { openDirectoryStore } from '../../lib/local/directory-store.ts';

/** Creates one object of 64 KiB pieces, says a word at every step that the parent may kill it at, and ends. */
const [root = '', key = '', pieces = '0'] = process.argv.slice(2);

const body = async function* () {
  for (let piece = 0; piece < Number(pieces); piece += 1) {
    process.stdout.write(`piece ${piece}\n`);
    yield Buffer.alloc(65_536, piece);
  }
  process.stdout.write('source read\n');
};

const store = await openDirectoryStore(root);
process.stdout.write(`${await store.create(parseObjectKey(key), body())}\n`);
