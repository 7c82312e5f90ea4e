import { mkdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseBackupLabel } from '../../lib/core/backup/backup-label.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import { formatLsn } from '../../lib/core/wal/lsn.ts';
import { syncDirectory } from '../host/files.ts';
import type { Backup } from './backups.ts';

const controlFile = 'global/pg_control';

/**
 * Where a file of a backup is written to. pg_control has another name until the restore is complete, whichever part it
 * comes from: without it no PostgreSQL starts from the directory.
 */
export const destinationOf = (directory: string, path: string): string =>
  join(directory, path === controlFile ? `${controlFile}.walwarden` : path);

/**
 * Looks at what makes a restored directory a base backup. Without backup_label PostgreSQL would begin to recover at
 * whatever checkpoint pg_control names, and end with a cluster that starts and is wrong.
 *
 * @throws 'backup-damaged'
 */
export const assertRestored = async (directory: string, backup: Backup): Promise<void> => {
  for (const path of ['PG_VERSION', 'backup_label', controlFile]) {
    const isThere = await stat(destinationOf(directory, path)).then(
      (stats) => stats.size > 0,
      () => false,
    );
    if (!isThere) throw unusable(`no part of ${backup.name} holds ${path}`);
  }
  const { startLsn } = parseBackupLabel(await readFile(join(directory, 'backup_label'), 'utf8'));
  const wanted = backup.sentinel.startLsn;
  if (wanted === undefined || wanted === startLsn) return;
  throw unusable(
    `the backup_label of ${backup.name} begins at ${formatLsn(startLsn)}, its sentinel at ${formatLsn(wanted)}`,
  );
};

const unusable = (message: string): PipelineError =>
  new PipelineError('backup-damaged', {
    message,
    hint: 'Objects of the backup were lost, or mixed with those of another. PostgreSQL must not be started from it; restore another backup.',
  });

/** PostgreSQL makes what belongs into pg_wal but not pg_wal itself, which WAL-G leaves out where it is a link. */
export const makeWalDirectory = async (directory: string): Promise<void> => {
  await mkdir(join(directory, 'pg_wal'), { recursive: true, mode: 0o700 });
};

/** Makes the directory a cluster. Everything else in it is durable when this is called. */
export const publishControlFile = async (directory: string): Promise<void> => {
  await rename(destinationOf(directory, controlFile), join(directory, controlFile));
  await syncDirectory(join(directory, 'global'));
};
