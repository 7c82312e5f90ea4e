import { execFile } from 'node:child_process';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { syncDirectory } from './files.ts';

const run = promisify(execFile);

/**
 * Makes a whole tree durable. One `sync -f` (coreutils, syncfs(2)) does in one flush what a sync of each file does in
 * as many as there are files; where it is missing or fails, every file is synced by itself and its error comes out.
 */
export const syncTree = async (root: string): Promise<void> => {
  if (process.platform === 'linux') {
    const isSynced = await run('sync', ['-f', root]).then(
      () => true,
      () => false,
    );
    if (isSynced) return;
  }
  await syncEach(root);
};

const syncEach = async (directory: string): Promise<void> => {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await syncEach(path);
    if (!entry.isFile()) continue;
    const file = await open(path, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
  await syncDirectory(directory);
};
