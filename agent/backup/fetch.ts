import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findBackup } from '../../lib/core/backup/backup-selection.ts';
import {
  formatTablespaceMap,
  parseTablespaceMap,
  remapTablespaces,
  replaceTablespaces,
  type Tablespace,
  type TablespaceSpec,
} from '../../lib/core/backup/tablespaces.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import type { RecoveryOptions } from '../../lib/core/recovery/recovery-settings.ts';
import { recoverySettings } from '../../lib/core/recovery/recovery-settings.ts';
import type { Archive } from '../archive/archive.ts';
import { writeText } from '../host/files.ts';
import { inParallel } from '../host/in-parallel.ts';
import type { ProgressFactory } from '../host/progress.ts';
import { syncTree } from '../host/sync-tree.ts';
import { backupChain } from './backup-chain.ts';
import { type Backup, readBackups } from './backups.ts';
import { assertDocumentsAgree } from './own-documents.ts';
import { type PartToRestore, restorePart } from './part-reader.ts';
import { writePgManifest } from './pg-manifest-file.ts';
import { assertRestored, makeWalDirectory, publishControlFile } from './restore-end.ts';
import type { RestoreTarget } from './restore-member.ts';
import { writeRecoverySettings } from './restore-settings.ts';
import { restoreStages } from './restore-stages.ts';
import { prepareTarget, removeSignals } from './restore-target.ts';

export type RestoreRequest = {
  readonly directory: string;
  /** A backup's name, the begin of one, or LATEST. */
  readonly backup: string;
  /** Old to new directories. */
  readonly tablespaceMapping: ReadonlyMap<string, string>;
  /** The new place of every tablespace, instead of a mapping. */
  readonly restoreSpec: TablespaceSpec | undefined;
  /** `undefined` leaves recovery to whoever restores. */
  readonly recovery: RecoveryOptions | undefined;
  /** Write PostgreSQL's own backup_manifest, for pg_verifybackup. */
  readonly withManifest: boolean;
  readonly jobs: number;
  readonly progress: ProgressFactory;
};

/**
 * Restores a base backup into an empty directory, with all that it stands on when it is a delta. Every part and every
 * file is checked while it is written, and global/pg_control, without which no PostgreSQL starts, appears last, after
 * everything else is durable: a restore that ended early cannot be taken for a cluster.
 *
 * @throws 'backup-absent', 'backup-damaged', 'target-not-empty', 'tablespace-unmapped', 'file-unwritable', 'store-…'
 */
export const fetchBackup = async (archive: Archive, request: RestoreRequest): Promise<Backup> => {
  // What PostgreSQL would refuse is refused before the hours of copying.
  if (request.recovery !== undefined) recoverySettings(request.recovery);
  const { backup, chain } = await chosenBackup(archive, request.backup);
  const { directory } = request;
  const tablespaces = placesOf(backup, request);
  archive.log.info('backup-fetch', { state: 'begin', backup: backup.name, path: directory });
  const startedMs = archive.clock.now().getTime();
  await prepareTarget(directory, tablespaces, neededBytes(chain));

  const totalBytes = chain.reduce((bytes, link) => bytes + storedBytes(link), 0);
  const progress = request.progress({ label: 'backup-fetch', totalBytes });
  let bytes = 0;
  const target: RestoreTarget = {
    directory,
    tablespaces,
    onLink: (path) =>
      archive.log.warn('backup-fetch', { state: 'skip', path }, 'a symbolic link of the source, left out'),
    onWritten: (written) => {
      bytes += written;
      progress.advance(written);
    },
  };
  const kept = await restoreFiles(archive, chain, target, request.jobs);
  await syncAll(directory, tablespaces);
  for (const part of kept) await restorePart(archive, part, target, archive.signal);
  await assertRestored(directory, backup);
  await finishFiles(archive, backup, request, tablespaces);
  await syncAll(directory, []);
  await publishControlFile(directory);
  progress.finish();
  archive.log.info('backup-fetch', {
    state: 'complete',
    backup: backup.name,
    path: directory,
    bytes,
    seconds: (archive.clock.now().getTime() - startedMs) / 1000,
  });
  return backup;
};

/**
 * A backup that cannot be read keeps nobody from another one that is named. Whether it is the latest, or the one that
 * the begin of a name means, is not known, and nothing is guessed.
 */
const chosenBackup = async (
  archive: Archive,
  text: string,
): Promise<{ readonly backup: Backup; readonly chain: readonly Backup[] }> => {
  const { backups, unreadable } = await readBackups(archive);
  const isNamed = backups.some(({ name }) => name === text);
  for (const { name, error } of unreadable) {
    if (!isNamed && (text === 'LATEST' || name.startsWith(text))) throw error;
    archive.log.warn('backup-fetch', { state: 'skip', backup: name }, error.message);
  }
  const backup = findBackup(backups, text);
  const chain = backupChain(backups, backup);
  for (const link of chain) await assertDocumentsAgree(archive, link);
  return { backup, chain };
};

/** Where each tablespace is restored to. */
const placesOf = (backup: Backup, request: RestoreRequest): readonly Tablespace[] => {
  const tablespaces = backup.sentinel.tablespaces?.tablespaces ?? [];
  return request.restoreSpec === undefined
    ? remapTablespaces(tablespaces, request.tablespaceMapping)
    : replaceTablespaces(tablespaces, request.restoreSpec.tablespaces);
};

/** How much one backup of a chain holds, as far as it says. */
const storedBytes = ({ summary, sentinel }: Backup): number =>
  summary?.fileBytes ?? sentinel.uncompressedBytes ?? 0;

/** What the restored cluster takes: of a chain, what its largest backup holds. */
const neededBytes = (chain: readonly Backup[]): number => Math.max(...chain.map(storedBytes));

/** Restores everything but the parts that come last, which it returns in their order. */
const restoreFiles = async (
  archive: Archive,
  chain: readonly Backup[],
  target: RestoreTarget,
  jobs: number,
): Promise<readonly PartToRestore[]> => {
  const kept: PartToRestore[] = [];
  for await (const stage of restoreStages(archive, chain, target.tablespaces)) {
    await inParallel(stage.parts, jobs, archive.signal, async (part, signal) => {
      if (lastParts.includes(part.partName)) kept.push(part);
      else await restorePart(archive, part, target, signal);
    });
    await stage.finish();
  }
  return lastParts.flatMap((name) => kept.filter(({ partName }) => partName === name));
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
  await makeWalDirectory(directory);
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
  const moved = parseTablespaceMap(text).map((old) => {
    const location = newPlaces.get(old.oid);
    if (location !== undefined) return { ...old, location };
    // PostgreSQL would link it to where the source cluster may still have it.
    throw new PipelineError('tablespace-unmapped', {
      message: `tablespace_map has tablespace ${old.oid} at ${old.location}, which the sentinel does not know`,
      hint: 'Name the places of all tablespaces in a file and give it with --restore-spec.',
    });
  });
  await writeText(path, formatTablespaceMap(moved));
};
