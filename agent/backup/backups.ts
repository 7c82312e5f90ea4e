import { collect } from '../../lib/codec/streams.ts';
import { parseBackupName } from '../../lib/core/archive/backup-name.ts';
import {
  backupSummaryKey,
  backupsPrefix,
  metadataKey,
  parseKey,
  sentinelKey,
} from '../../lib/core/archive/layout.ts';
import { type BackupMetadata, parseBackupMetadata } from '../../lib/core/backup/backup-metadata.ts';
import type { SelectableBackup } from '../../lib/core/backup/backup-selection.ts';
import { type BackupSummary, parseBackupSummary } from '../../lib/core/backup/backup-summary.ts';
import { type BackupSentinel, parseSentinel } from '../../lib/core/backup/sentinel.ts';
import { isPipelineError, PipelineError } from '../../lib/core/errors.ts';
import type { ObjectKey } from '../../lib/core/ports.ts';
import type { SegmentBytes } from '../../lib/core/wal/segment.ts';
import type { Archive } from '../archive/archive.ts';
import { readIncarnations } from '../archive/claim.ts';
import { firstSegment } from '../archive/inherited.ts';
import { documentWithoutFiles } from './listed-files.ts';

/** A complete base backup, whoever took it, as its small documents tell. */
export type Backup = SelectableBackup & {
  readonly sentinel: BackupSentinel;
  /** When the store got the sentinel: all that is known of when a backup of WAL-E was taken. */
  readonly storedAt: Date;
  /** The truth about permanence; WAL-E wrote none. */
  readonly metadata: BackupMetadata | undefined;
  /** Only our own backups have one, and with it a manifest. */
  readonly summary: BackupSummary | undefined;
};

/** A small document of the archive as text, `undefined` when it is provably not there. */
export const readDocument = async (archive: Archive, key: ObjectKey): Promise<string | undefined> => {
  const object = await archive.store.open(key, { signal: archive.signal });
  return object === undefined ? undefined : (await collect(object.content)).toString('utf8');
};

const lookAhead = 16;

/** A complete base backup that cannot be read, and why. */
export type UnreadableBackup = { readonly name: string; readonly error: PipelineError };

/**
 * Every complete base backup in the archive, oldest first by where and when it began.
 *
 * @throws 'archive-document-invalid' for the first one whose documents cannot be read
 */
export const listBackups = async (archive: Archive): Promise<readonly Backup[]> => {
  const { backups, unreadable } = await readBackups(archive);
  for (const { error } of unreadable) throw error;
  return backups;
};

/** The same, with those that cannot be read told apart, so that they keep nobody from the others. */
export const readBackups = async (
  archive: Archive,
): Promise<{ readonly backups: readonly Backup[]; readonly unreadable: readonly UnreadableBackup[] }> => {
  const names: string[] = [];
  for await (const entry of archive.store.list(backupsPrefix, { signal: archive.signal, delimiter: '/' })) {
    if ('folder' in entry) continue;
    const object = parseKey(entry.key);
    if (object.kind === 'sentinel') names.push(object.backupName);
  }
  const segmentBytes = await walSegmentBytes(archive, names);
  const backups: Backup[] = [];
  const unreadable: UnreadableBackup[] = [];
  for (let at = 0; at < names.length; at += lookAhead) {
    const found = names.slice(at, at + lookAhead).map(async (name) => {
      const backup = await readBackup(archive, name, segmentBytes).catch((error: unknown) => {
        if (!isPipelineError(error, 'archive-document-invalid')) throw error;
        unreadable.push({ name, error });
        return undefined;
      });
      return backup ?? [];
    });
    backups.push(...(await Promise.all(found)).flat());
  }
  backups.sort(
    (left, right) =>
      (left.startedAt?.getTime() ?? 0) - (right.startedAt?.getTime() ?? 0) ||
      Number((left.startLsn ?? 0n) - (right.startLsn ?? 0n)),
  );
  return { backups, unreadable };
};

/** What places in the WAL are counted in, for the names of WAL-E that tell their offset in a segment. */
const walSegmentBytes = async (
  archive: Archive,
  names: readonly string[],
): Promise<SegmentBytes | undefined> => {
  if (names.every((name) => parseBackupName(name)?.kind !== 'offset')) return undefined;
  const claimed = (await readIncarnations(archive)).at(-1)?.segmentBytes;
  if (claimed !== undefined) return claimed;
  // A segment that cannot be read must not keep anybody from seeing the backups.
  return (await firstSegment(archive).catch(() => undefined))?.header.segmentBytes;
};

/** One complete backup; `undefined` when it was deleted meanwhile. */
const readBackup = async (
  archive: Archive,
  name: string,
  segmentBytes: SegmentBytes | undefined,
): Promise<Backup | undefined> => {
  const [sentinelDocument, metadataText, summaryText] = await Promise.all([
    documentWithoutFiles(archive, sentinelKey(name)),
    readDocument(archive, metadataKey(name)),
    readDocument(archive, backupSummaryKey(name)),
  ]);
  if (sentinelDocument === undefined) return undefined;
  const sentinel = parseSentinel(name, sentinelDocument.text, segmentBytes);
  return {
    name,
    isComplete: true,
    startedAt: sentinel.startedAt,
    startLsn: sentinel.startLsn,
    sentinel,
    storedAt: sentinelDocument.storedAt,
    metadata: metadataText === undefined ? undefined : parseBackupMetadata(metadataText, metadataKey(name)),
    summary: summaryText === undefined ? undefined : parseBackupSummary(summaryText, backupSummaryKey(name)),
  };
};

/** Whether retention may never expire it. */
export const isPermanent = ({ metadata, sentinel }: Backup): boolean =>
  metadata?.isPermanent ?? sentinel.isPermanent;

/** @throws 'backup-absent' */
export const vanished = (name: string, key: string): PipelineError =>
  new PipelineError('backup-absent', {
    message: `${key} of base backup ${name} is not in the archive`,
    hint: 'The backup is being deleted, or somebody removed objects by hand; choose another with "walwarden backup-list".',
  });
