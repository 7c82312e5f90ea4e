import { hostname } from 'node:os';
import { backupSummaryKey, metadataKey, sentinelKey } from '../../lib/core/archive/layout.ts';
import { formatBackupMetadata } from '../../lib/core/backup/backup-metadata.ts';
import { type BackupSummary, formatBackupSummary } from '../../lib/core/backup/backup-summary.ts';
import { type BackupSentinel, formatSentinel } from '../../lib/core/backup/sentinel.ts';
import type { TablespaceSpec } from '../../lib/core/backup/tablespaces.ts';
import { type JsonValue, parseJson } from '../../lib/core/json.ts';
import type { ObjectKey } from '../../lib/core/ports.ts';
import type { Archive } from '../archive/archive.ts';
import { writeFilesMetadata } from './files-metadata-writer.ts';
import { nameTaken } from './name-taken.ts';

export type BackupMarks = {
  readonly dataDirectory: string;
  readonly tablespaces: TablespaceSpec;
  readonly isPermanent: boolean;
  readonly userData: string | undefined;
  readonly tarBytes: number;
};

/**
 * Writes what makes the backup one: our summary, WAL-G's metadata and list of files, and WAL-G's sentinel as the very
 * last object.
 */
export const commitBackup = async (
  archive: Archive,
  summary: BackupSummary,
  marks: BackupMarks,
  signal: AbortSignal,
): Promise<void> => {
  const sentinel = sentinelOf(summary, marks);
  const create = async (key: ObjectKey, text: string): Promise<void> => {
    signal.throwIfAborted();
    if ((await archive.store.create(key, Buffer.from(text), { signal })) === 'exists') throw nameTaken(key);
  };
  await create(backupSummaryKey(summary.backupName), formatBackupSummary(summary));
  await create(metadataKey(summary.backupName), formatBackupMetadata(sentinel));
  await writeFilesMetadata(archive, summary, { signal });
  await create(sentinelKey(summary.backupName), formatSentinel(sentinel));
};

const sentinelOf = (summary: BackupSummary, marks: BackupMarks): BackupSentinel => ({
  backupName: summary.backupName,
  writtenBy: 'wal-g',
  startLsn: summary.startLsn,
  stopLsn: summary.stopLsn,
  startedAt: summary.startedAt,
  finishedAt: summary.finishedAt,
  pgVersion: summary.pgVersion,
  systemIdentifier: summary.systemIdentifier,
  hostname: hostname(),
  dataDirectory: marks.dataDirectory,
  uncompressedBytes: marks.tarBytes,
  compressedBytes: summary.objectBytes,
  isPermanent: marks.isPermanent,
  ...(marks.tablespaces.tablespaces.length === 0 ? {} : { tablespaces: marks.tablespaces }),
  filesMetadataDisabled: false,
  ...(marks.userData === undefined ? {} : { userData: userDataOf(marks.userData) }),
});

/** As WAL-G does: what is JSON is kept as JSON, anything else as text. */
const userDataOf = (text: string): JsonValue => {
  try {
    return parseJson(text, 'user data');
  } catch {
    return text;
  }
};
