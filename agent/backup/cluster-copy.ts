import { join } from 'node:path';
import { partKey, partName } from '../../lib/core/archive/layout.ts';
import { defaultPartLimits, planParts } from '../../lib/core/backup/part-planner.ts';
import type { TablespaceSpec } from '../../lib/core/backup/tablespaces.ts';
import type { Archive } from '../archive/archive.ts';
import { readControlFile } from '../host/control-file.ts';
import { inParallel } from '../host/in-parallel.ts';
import type { StoppedBackup } from '../host/postgres.ts';
import type { ProgressFactory } from '../host/progress.ts';
import type { BackupStart } from './backup-start.ts';
import { walkCluster } from './cluster-files.ts';
import type { ManifestWriter } from './manifest-writer.ts';
import type { PageCheck } from './page-check.ts';
import { type PartWriter, type WrittenPart, writePart, writeSmallPart } from './part-writer.ts';

/** What the steps of one running backup share. */
export type BackupRun = {
  readonly archive: Archive;
  readonly start: BackupStart;
  readonly tablespaces: TablespaceSpec;
  readonly pages: PageCheck;
  readonly manifest: ManifestWriter;
  readonly signal: AbortSignal;
};

export type CopiedTotals = {
  readonly parts: number;
  readonly files: number;
  readonly fileBytes: number;
  readonly tarBytes: number;
  readonly objectBytes: number;
};

/**
 * Copies the data directory and its tablespaces into the archive, several parts at a time, and pg_control after all of
 * them: on a standby it must not be older than any page (manual, "Making a Base Backup Using the Low Level API").
 */
export const copyCluster = async (
  run: BackupRun,
  limits: {
    readonly jobs: number;
    readonly partBytes: number;
    readonly totalBytes: number;
    readonly progress: ProgressFactory;
  },
): Promise<CopiedTotals> => {
  const { archive, start, signal } = run;
  const progress = limits.progress({ label: 'backup-push', totalBytes: limits.totalBytes });
  const totals = emptyTotals();
  const writer = partWriter(run, (bytes) => progress.advance(bytes));
  const entries = walkCluster({
    dataDirectory: start.dataDirectory,
    majorVersion: Math.floor(start.server.pgVersion / 10000),
    tablespaces: run.tablespaces,
    onSpecialFile: (path) =>
      archive.log.warn('backup-push', { state: 'skip', path }, 'neither a file nor a directory'),
  });
  const parts = planParts(entries, { ...defaultPartLimits, tarBytes: limits.partBytes });
  await inParallel(parts, limits.jobs, signal, async (part, partSignal) => {
    const key = partKey(start.backupName, partName(part.number), archive.codec);
    await addPart(run, totals, await writePart(writer, key, part.entries, { signal: partSignal }));
  });
  const control = await readControlFile(start.dataDirectory);
  const member = {
    path: 'global/pg_control',
    content: control.bytes,
    modifiedAt: archive.clock.now(),
  };
  const key = partKey(start.backupName, 'pg_control', archive.codec);
  await addPart(run, totals, await writeSmallPart(writer, key, [member], { signal }));
  progress.finish();
  return totals;
};

/** Stores backup_label and tablespace_map byte for byte as PostgreSQL gave them. */
export const storeLabel = async (run: BackupRun, stopped: StoppedBackup): Promise<CopiedTotals> => {
  const modifiedAt = run.archive.clock.now();
  const members = [
    { name: 'backup_label', content: stopped.backupLabel },
    { name: 'tablespace_map', content: stopped.tablespaceMap },
  ].map(({ name, content }) => ({ path: name, content: Buffer.from(content), modifiedAt }));
  const key = partKey(run.start.backupName, 'backup_label', run.archive.codec);
  const totals = emptyTotals();
  const writer = partWriter(run, () => undefined);
  await addPart(run, totals, await writeSmallPart(writer, key, members, { signal: run.signal }));
  return totals;
};

const emptyTotals = () => ({ parts: 0, files: 0, fileBytes: 0, tarBytes: 0, objectBytes: 0 });

const addPart = async (
  run: BackupRun,
  totals: ReturnType<typeof emptyTotals>,
  part: WrittenPart,
): Promise<void> => {
  totals.parts += 1;
  totals.files += part.files.length;
  totals.fileBytes += part.files.reduce((bytes, file) => bytes + file.bytes, 0);
  totals.tarBytes += part.tarBytes;
  totals.objectBytes += part.objectBytes;
  run.archive.log.debug('backup-push', {
    state: 'progress',
    key: join(run.start.backupName, part.object),
    files: part.files.length,
    bytes: part.tarBytes,
    objectBytes: part.objectBytes,
  });
  await run.manifest.add(part);
};

const partWriter = (run: BackupRun, onRead: (bytes: number) => void): PartWriter => ({
  store: run.archive.store,
  encode: run.archive.encode,
  pages: run.pages,
  readLimit: (bytes) => run.archive.diskLimit(bytes, run.signal),
  onRead,
  onVanished: (path) =>
    run.archive.log.debug('backup-push', { state: 'skip', path }, 'removed while the backup runs'),
});
