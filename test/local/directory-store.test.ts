import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDirectoryStore } from '../../lib/local/directory-store.ts';
import { verifyObjectStore } from '../contracts/object-store.ts';

for (const fsync of [true, false]) {
  verifyObjectStore(
    `directory store ${fsync ? 'with' : 'without'} fsync`,
    async (t) => {
      const root = await mkdtemp(join(tmpdir(), 'walwarden-store-'));
      t.after(() => rm(root, { recursive: true }));
      await mkdir(join(root, 'wal_005'));
      return openDirectoryStore(root, { fsync });
    },
    { listedObjects: fsync ? 60 : 1200 },
  );
}
