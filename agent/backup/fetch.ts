import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findBackup } from '../../lib/core/backup/backup-selection.ts';
import {
  formatTablespaceMap,
  parseTablespaceMap,
  remapTablespaces,
  type Tablespace,
} from '../../lib/core/backup/tablespaces.ts';
import type { RecoveryOptions } from '../../lib/core/recovery/recovery-settings.ts';
import { recoverySettings } from '../../lib/core/recovery/recovery-settings.ts';
import type { Archive } from '../archive/archive.ts';
import { writeText } from '../host/files.ts';
import { inParallel } from '../host/in-parallel.ts';
import type { ProgressFactory } from '../host/progress.ts';
import { syncTree } from '../host/sync-tree.ts';
import { type Backup, listBackups } from './backups.ts';
import { restorePart } from './part-reader.ts';
import { writePgManifest } from './pg-manifest-file.ts';
import { type NamedPart, restoreParts } from './restore-parts.ts';
import { writeRecoverySettings } from './restore-settings.ts';
import { prepareTarget, removeSignals } from './restore-target.ts';

export type RestoreRequest = {
  readonly directory: string;
  /** A backup's name, the begin of one, or LATEST. */
  readonly backup: string;
  /** Old to new directories. */
  readonly tablespaceMapping: ReadonlyMap<string, string>;
  /** `undefined` leaves recovery to whoever restores. */
  readonly recovery: RecoveryOptions | undefined;
  /** Write PostgreSQL's own backup_manifest, for pg_verifybackup. */
  readonly withManifest: boolean;
  readonly jobs: number;
  readonly progress: ProgressFactory;
};

/**
 * Restores a base backup into an empty directory. Every part and every file is checked while it is written, and
 * global/pg_control, without which no PostgreSQL starts, is written last, after everything else is durable: a restore
 * that ended early cannot be taken for a cluster.
 *
 * @throws 'backup-absent', 'backup-damaged', 'target-not-empty', 'tablespace-unmapped', 'file-unwritable', 'store-…'
 */
export const fetchBackup = async (archive: Archive, request: RestoreRequest): Promise<Backup> => {
  // What PostgreSQL would refuse is refused before the hours of copying.
  if (request.recovery !== undefined) recoverySettings(request.recovery);
  const backup = findBackup(await listBackups(archive), request.backup);
  const tablespaces = remapTablespaces(
    backup.sentinel.tablespaces?.tablespaces ?? [],
    request.tablespaceMapping,
  );
  const { directory } = request;
  const totalBytes = backup.summary?.fileBytes ?? backup.sentinel.uncompressedBytes ?? 0;
  archive.log.info('backup-fetch', { state: 'begin', backup: backup.name, path: directory });
  const startedMs = archive.clock.now().getTime();
  await prepareTarget(directory, tablespaces, totalBytes);

  const progress = request.progress({ label: 'backup-fetch', totalBytes });
  const target = { directory, onWritten: (bytes: number) => progress.advance(bytes) };
  const kept: NamedPart[] = [];
  await inParallel(restoreParts(archive, backup), request.jobs, archive.signal, async (part, signal) => {
    if (lastParts.includes(part.partName)) kept.push(part);
    else await restorePart(archive, part, target, signal);
  });
  await syncAll(directory, tablespaces);
  for (const name of lastParts) {
    for (const part of kept.filter(({ partName }) => partName === name)) {
      if (name === 'pg_control') await finishFiles(archive, backup, request, tablespaces);
      await restorePart(archive, part, target, archive.signal);
    }
  }
  await syncAll(directory, []);
  progress.finish();
  archive.log.info('backup-fetch', {
    state: 'complete',
    backup: backup.name,
    path: directory,
    bytes: totalBytes,
    seconds: (archive.clock.now().getTime() - startedMs) / 1000,
  });
  return backup;
};

/** In this order, after everything else. */
const lastParts: readonly string[] = ['backup_label', 'pg_control'];

const syncAll = async (directory: string, tablespaces: readonly Tablespace[]): Promise<void> => {
  for (const place of [directory, ...tablespaces.map(({ location }) => location)]) await syncTree(place);
};

/** What is made here instead of copied. */
const finishFiles = async (
  archive: Archive,
  backup: Backup,
  request: RestoreRequest,
  tablespaces: readonly Tablespace[],
): Promise<void> => {
  const { directory } = request;
  await moveTablespaceMap(join(directory, 'tablespace_map'), tablespaces);
  if (request.withManifest) await writePgManifest(archive, backup, directory);
  if (request.recovery === undefined) await removeSignals(directory);
  else await writeRecoverySettings(directory, request.recovery, archive.log);
};

/** PostgreSQL makes the links of pg_tblspc anew from this file when it starts, so it must name the new places. */
const moveTablespaceMap = async (path: string, tablespaces: readonly Tablespace[]): Promise<void> => {
  const text = await readFile(path, 'utf8').catch(() => '');
  if (text === '') {
    await rm(path, { force: true });
    return;
  }
  const newPlaces = new Map(tablespaces.map(({ oid, location }) => [oid, location]));
  const moved = parseTablespaceMap(text).map((old) => ({
    ...old,
    location: newPlaces.get(old.oid) ?? old.location,
  }));
  await writeText(path, formatTablespaceMap(moved));
};
