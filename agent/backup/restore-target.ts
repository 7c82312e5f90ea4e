import { mkdir, readdir, rm, statfs, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Tablespace } from '../../lib/core/backup/tablespaces.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import { isSystemError } from '../host/files.ts';
import { formatBytes } from '../host/output.ts';

/**
 * Makes the empty directory that a base backup is restored into, and those of its tablespaces with the links to them.
 *
 * @throws 'target-not-empty' before anything was made, 'file-unwritable'
 */
export const prepareTarget = async (
  directory: string,
  tablespaces: readonly Tablespace[],
  neededBytes: number,
): Promise<void> => {
  const places = [directory, ...tablespaces.map(({ location }) => location)];
  for (const place of places) await assertEmpty(place);
  try {
    for (const place of places) await mkdir(place, { recursive: true, mode: 0o700 });
    await assertSpace(directory, neededBytes);
    for (const { location, link } of tablespaces) {
      await mkdir(dirname(join(directory, link)), { recursive: true, mode: 0o700 });
      await symlink(location, join(directory, link));
    }
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    throw new PipelineError('file-unwritable', {
      message: `${directory} cannot be made ready: ${error instanceof Error ? error.message : String(error)}`,
      hint: 'Run backup-fetch as the user that will own the cluster, in a place that this user may write to.',
      cause: error,
    });
  }
};

/** @throws 'target-not-empty' */
const assertEmpty = async (place: string): Promise<void> => {
  const names = await readdir(place).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return [];
    throw new PipelineError('target-not-empty', {
      message: `${place} is not a directory that can be looked into`,
      hint: 'Name an empty directory, or one that does not exist yet.',
      cause: error,
    });
  });
  // A file system of its own begins with this directory.
  if (names.every((name) => name === 'lost+found')) return;
  throw new PipelineError('target-not-empty', {
    message: `${place} is not empty (${names.length} entries, ${JSON.stringify(names[0])} among them)`,
    hint:
      'Restoring over a cluster would destroy it. Stop it and move its directory away, or name another directory; for ' +
      'a tablespace say --tablespace-mapping OLD=NEW.',
  });
};

/** Only a hint of what will be needed: tablespaces may lie elsewhere. @throws 'file-unwritable' */
const assertSpace = async (directory: string, neededBytes: number): Promise<void> => {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize >= neededBytes) return;
  throw new PipelineError('file-unwritable', {
    message: `${directory} has ${formatBytes(bavail * bsize)} free, and the backup needs ${formatBytes(neededBytes)}`,
    hint: 'Restore to a larger file system, or make room first.',
  });
};

/** Removes what a backup of a standby or of a recovering cluster carries along and the restore decides anew. */
export const removeSignals = async (directory: string): Promise<void> => {
  for (const name of ['standby.signal', 'recovery.signal']) await rm(join(directory, name), { force: true });
};
