import assert from 'node:assert/strict';
import { parseBackupName } from '../archive/backup-name.ts';
import { PipelineError } from '../errors.ts';
import { type FieldReader, fieldReader, formatJson, type JsonValue, parseJson } from '../json.ts';
import { type Lsn, lsnOf } from '../wal/lsn.ts';
import { parseSegmentName, type SegmentBytes } from '../wal/segment.ts';
import type { SystemIdentifier } from '../wal/system-identifier.ts';
import { dateFormat, documentReader, formatTime } from './document.ts';
import { formatTablespaceSpec, parseTablespaceSpec, type TablespaceSpec } from './tablespaces.ts';

export { type BackupMetadata, formatBackupMetadata, parseBackupMetadata } from './backup-metadata.ts';

/** What a delta backup of WAL-G stands on. */
export type DeltaOrigin = {
  /** The backup that it is a delta of. */
  readonly from: string;
  /** The full backup at the root of the chain. */
  readonly fullName: string;
  /** The parent's start LSN: pages from there on are in the delta. */
  readonly fromLsn: Lsn;
  /** How far from the full backup: 1 for the first delta. */
  readonly count: number;
};

/**
 * What `<name>_backup_stop_sentinel.json` says, whoever wrote it: the document whose presence makes a base backup
 * complete. `isPermanent` is as it was when the backup was made; metadata.json (backup-metadata.ts) has it as it is now.
 * We write WAL-G's form, so `writtenBy` tells the form, not the program.
 */
export type BackupSentinel = {
  readonly backupName: string;
  readonly writtenBy: 'wal-g' | 'wal-e';
  /** Unknown in some old WAL-G sentinels, and in WAL-E's when the segment size is. */
  readonly startLsn?: Lsn | undefined;
  readonly stopLsn?: Lsn | undefined;
  readonly startedAt?: Date | undefined;
  readonly finishedAt?: Date | undefined;
  /** server_version_num, such as 170002. */
  readonly pgVersion?: number | undefined;
  readonly systemIdentifier?: SystemIdentifier | undefined;
  readonly hostname?: string | undefined;
  readonly dataDirectory?: string | undefined;
  /** Sum over the tar parts before compression; WAL-E counts expanded bytes too. */
  readonly uncompressedBytes?: number | undefined;
  readonly compressedBytes?: number | undefined;
  /** Size of the data directory, where WAL-G measured it. */
  readonly dataDirectoryBytes?: number | undefined;
  readonly isPermanent: boolean;
  readonly tablespaces?: TablespaceSpec | undefined;
  readonly delta?: DeltaOrigin | undefined;
  /** Without files_metadata.json WAL-G's reader extracts every member. */
  readonly filesMetadataDisabled: boolean;
  readonly userData?: JsonValue | undefined;
};

const invalid = (message: string): PipelineError =>
  new PipelineError('archive-document-invalid', {
    message,
    hint: 'The sentinel was damaged or written by something else; WAL-G cannot restore from it either.',
  });

const parseDelta = (fields: FieldReader, what: string): DeltaOrigin | undefined => {
  const from = fields.optionalString('DeltaFrom');
  if (from === undefined) return undefined;
  const fullName = fields.string('DeltaFullName');
  for (const name of [from, fullName]) {
    if (parseBackupName(name) === undefined) {
      throw invalid(`${what} is a delta of ${JSON.stringify(name.slice(0, 120))}, which is no backup's name`);
    }
  }
  const document = documentReader(fields, what);
  const fromLsn = document.lsn('DeltaLSN') ?? document.lsn('DeltaFromLSN');
  if (fromLsn === undefined) throw invalid(`${what} has no field DeltaLSN`);
  return { from, fullName, fromLsn, count: fields.integer('DeltaCount') };
};

const parseSpec = (fields: FieldReader, what: string): TablespaceSpec | undefined => {
  const spec = fields.value('Spec') ?? fields.value('spec') ?? null;
  return spec === null ? undefined : parseTablespaceSpec(spec, `${what}, tablespaces,`);
};

const parseWalG = (backupName: string, fields: FieldReader, what: string): BackupSentinel => {
  const document = documentReader(fields, what);
  return {
    backupName,
    writtenBy: 'wal-g',
    startLsn: document.lsn('LSN'),
    stopLsn: document.lsn('FinishLSN'),
    startedAt: document.time('StartTime'),
    finishedAt: document.time('FinishTime'),
    pgVersion: document.version('PgVersion'),
    systemIdentifier: document.systemIdentifier('SystemIdentifier'),
    hostname: fields.optionalString('Hostname'),
    dataDirectory: fields.optionalString('DataDir'),
    uncompressedBytes: fields.optionalInteger('UncompressedSize'),
    compressedBytes: fields.optionalInteger('CompressedSize'),
    dataDirectoryBytes: fields.optionalInteger('DataCatalogSize'),
    isPermanent: fields.optionalBoolean('IsPermanent') ?? false,
    tablespaces: parseSpec(fields, what),
    delta: parseDelta(fields, what),
    filesMetadataDisabled: fields.optionalBoolean('FilesMetadataDisabled') ?? false,
    userData: fields.value('UserData') ?? undefined,
  };
};

type WalEPlace = {
  readonly segmentName: string;
  readonly offset: string;
  readonly segmentBytes: SegmentBytes;
};

/** WAL-E's offsets are decimal text of eight digits, although its names allow hexadecimal ones. */
const walELsn = (place: WalEPlace, what: string): { segmentStart: bigint; offset: bigint } => {
  const segment = parseSegmentName(place.segmentName, place.segmentBytes);
  if (
    segment === undefined ||
    !/^[0-9]{1,10}$/.test(place.offset) ||
    Number(place.offset) >= place.segmentBytes
  ) {
    throw invalid(
      `${what} has no place ${place.offset.slice(0, 20)} in segment ${place.segmentName.slice(0, 40)} of ${place.segmentBytes} bytes`,
    );
  }
  return { segmentStart: BigInt(segment.number) * BigInt(place.segmentBytes), offset: BigInt(place.offset) };
};

const parseWalE = (
  backupName: string,
  fields: FieldReader,
  what: string,
  segmentBytes: SegmentBytes | undefined,
): BackupSentinel => {
  const stopSegment = fields.string('wal_segment_backup_stop');
  const stopOffset = fields.string('wal_segment_offset_backup_stop');
  const name = parseBackupName(backupName);
  const facts = {
    backupName,
    writtenBy: 'wal-e',
    isPermanent: false,
    filesMetadataDisabled: true,
    uncompressedBytes: fields.optionalInteger('expanded_size_bytes'),
    tablespaces: parseSpec(fields, what),
  } as const;
  if (segmentBytes === undefined || name?.offset === undefined) return facts;
  const start = walELsn({ segmentName: name.segmentName, offset: name.offset, segmentBytes }, what);
  const stop = walELsn({ segmentName: stopSegment, offset: stopOffset, segmentBytes }, what);
  // pg_xlogfile_name_offset named the segment before a border and gave offset 0 there (until PostgreSQL 16).
  const stopOffsetBytes = stop.offset === 0n ? BigInt(segmentBytes) : stop.offset;
  return {
    ...facts,
    startLsn: lsnOf(start.segmentStart + start.offset),
    stopLsn: lsnOf(stop.segmentStart + stopOffsetBytes),
  };
};

/**
 * Reads a sentinel of any WAL-G version, of WAL-E, or of ours. Fields that nobody here knows are ignored.
 *
 * @param segmentBytes what WAL-E's places are counted in; without it they stay unknown
 * @throws 'archive-document-invalid'
 */
export const parseSentinel = (
  backupName: string,
  text: string,
  segmentBytes?: SegmentBytes,
): BackupSentinel => {
  const what = `the sentinel of ${backupName}`;
  const fields = fieldReader(parseJson(text, what), what);
  return fields.names.includes('wal_segment_backup_stop')
    ? parseWalE(backupName, fields, what, segmentBytes)
    : parseWalG(backupName, fields, what);
};

/**
 * Writes a sentinel that WAL-G 2 and later reads: its field names, LSNs and sizes as plain numbers, every field that
 * it always writes. `ChkpNum` belongs to OrioleDB and is always there.
 */
export const formatSentinel = (sentinel: BackupSentinel): string => {
  assert(sentinel.writtenBy === 'wal-g', "nobody writes WAL-E's sentinels any more");
  const { delta, tablespaces, userData, dataDirectoryBytes } = sentinel;
  return formatJson({
    LSN: sentinel.startLsn ?? null,
    ...(delta === undefined
      ? {}
      : {
          DeltaLSN: delta.fromLsn,
          DeltaFrom: delta.from,
          DeltaFullName: delta.fullName,
          DeltaCount: delta.count,
        }),
    PgVersion: sentinel.pgVersion ?? 0,
    FinishLSN: sentinel.stopLsn ?? null,
    SystemIdentifier: sentinel.systemIdentifier ?? null,
    UncompressedSize: sentinel.uncompressedBytes ?? 0,
    CompressedSize: sentinel.compressedBytes ?? 0,
    ...(dataDirectoryBytes === undefined ? {} : { DataCatalogSize: dataDirectoryBytes }),
    ...(tablespaces === undefined ? {} : { Spec: formatTablespaceSpec(tablespaces) }),
    ...(userData === undefined ? {} : { UserData: userData }),
    ...(sentinel.filesMetadataDisabled ? { FilesMetadataDisabled: true } : {}),
    ChkpNum: null,
    Version: 2,
    StartTime: formatTime(sentinel.startedAt),
    FinishTime: formatTime(sentinel.finishedAt),
    DateFmt: dateFormat,
    Hostname: sentinel.hostname ?? '',
    DataDir: sentinel.dataDirectory ?? '',
    IsPermanent: sentinel.isPermanent,
  });
};
