import { fieldReader, formatJson, type JsonObject, type JsonValue, parseJson } from '../json.ts';
import type { Lsn } from '../wal/lsn.ts';
import type { SystemIdentifier } from '../wal/system-identifier.ts';
import { dateFormat, documentReader, formatTime } from './document.ts';

/**
 * What a backup's metadata.json says. WAL-G's `backup-list --detail`, `delete` and `backup-mark` read it, a restore does
 * not; it is the truth about `isPermanent`. A backup without it is not permanent.
 */
export type BackupMetadata = {
  readonly startedAt?: Date | undefined;
  readonly finishedAt?: Date | undefined;
  readonly hostname?: string | undefined;
  readonly dataDirectory?: string | undefined;
  /** server_version_num */
  readonly pgVersion?: number | undefined;
  readonly startLsn?: Lsn | undefined;
  readonly stopLsn?: Lsn | undefined;
  readonly isPermanent: boolean;
  readonly systemIdentifier?: SystemIdentifier | undefined;
  readonly uncompressedBytes?: number | undefined;
  readonly compressedBytes?: number | undefined;
  readonly userData?: JsonValue | undefined;
};

const defaultName = 'metadata.json';

/** @param what names the document in errors @throws 'archive-document-invalid' */
export const parseBackupMetadata = (text: string, what = defaultName): BackupMetadata => {
  const fields = fieldReader(parseJson(text, what), what);
  const document = documentReader(fields, what);
  return {
    startedAt: document.time('start_time'),
    finishedAt: document.time('finish_time'),
    hostname: fields.optionalString('hostname'),
    dataDirectory: fields.optionalString('data_dir'),
    pgVersion: document.version('pg_version'),
    startLsn: document.lsn('start_lsn'),
    stopLsn: document.lsn('finish_lsn'),
    isPermanent: fields.optionalBoolean('is_permanent') ?? false,
    systemIdentifier: document.systemIdentifier('system_identifier'),
    uncompressedBytes: fields.optionalInteger('uncompressed_size'),
    compressedBytes: fields.optionalInteger('compressed_size'),
    userData: fields.value('user_data') ?? undefined,
  };
};

/** Every field that WAL-G writes, under its names. */
export const formatBackupMetadata = (metadata: BackupMetadata): string =>
  formatJson({
    start_time: formatTime(metadata.startedAt),
    finish_time: formatTime(metadata.finishedAt),
    date_fmt: dateFormat,
    hostname: metadata.hostname ?? '',
    data_dir: metadata.dataDirectory ?? '',
    pg_version: metadata.pgVersion ?? 0,
    start_lsn: metadata.startLsn ?? 0,
    finish_lsn: metadata.stopLsn ?? 0,
    is_permanent: metadata.isPermanent,
    system_identifier: metadata.systemIdentifier ?? null,
    uncompressed_size: metadata.uncompressedBytes ?? 0,
    compressed_size: metadata.compressedBytes ?? 0,
    ...(metadata.userData === undefined ? {} : { user_data: metadata.userData }),
  });

/**
 * The same metadata.json with another `is_permanent`, for marking a backup. Whatever else the document says, known here
 * or not, stays as it is.
 *
 * @throws 'archive-document-invalid'
 */
export const withPermanence = (text: string, isPermanent: boolean, what = defaultName): string => {
  const fields = fieldReader(parseJson(text, what), what);
  const unchanged: JsonObject = Object.fromEntries(
    fields.names.map((name) => [name, fields.value(name) ?? null]),
  );
  return formatJson({ ...unchanged, is_permanent: isPermanent });
};
