import { strict as assert } from 'node:assert';
import { PipelineError } from '../errors.ts';
import type { ObjectKey } from '../ports.ts';
import { parseWalFileName, type WalFile } from '../wal/wal-file.ts';
import { parseBackupName } from './backup-name.ts';

/**
 * Where things lie in an archive: the layout that WAL-G and WAL-E call v005, and our own objects beside it. Keys are
 * relative to the archive's prefix. This is the only place that makes or reads them.
 */

/** How an object's bytes are compressed. The suffix of its key alone tells it; nobody looks at the bytes for it. */
export type Codec = 'lz4' | 'zstd' | 'brotli' | 'lzma' | 'gzip' | 'lzo' | 'none';

const suffixes = {
  lz4: '.lz4',
  zstd: '.zst',
  brotli: '.br',
  lzma: '.lzma',
  gzip: '.gz',
  lzo: '.lzo',
  none: '',
} as const satisfies Record<Codec, string>;

export const codecs: readonly Codec[] = ['lz4', 'zstd', 'brotli', 'lzma', 'gzip', 'lzo', 'none'];

/** What a key ends with, its dot included; empty for 'none'. */
export const codecSuffix = (codec: Codec): string => suffixes[codec];

export const walPrefix = 'wal_005/';
export const backupsPrefix = 'basebackups_005/';
export const catchupPrefix = 'catchup_005/';
/** Our own objects, apart from the others, which WAL-G would take for segments or tar parts. */
export const ownPrefix = 'walwarden/';
export const incarnationsPrefix = `${ownPrefix}incarnations/`;

const probesPrefix = `${ownPrefix}probes/`;
const ownBackupsPrefix = `${ownPrefix}backups/`;
const sentinelSuffix = '_backup_stop_sentinel.json';
const partsFolder = '/tar_partitions/';

const keyOf = (text: string): ObjectKey => text as ObjectKey;

/** @throws 'wal-name-invalid' unless PostgreSQL could have given a file this name */
export const walKey = (fileName: string, codec: Codec): ObjectKey => {
  if (parseWalFileName(fileName) === undefined) {
    throw new PipelineError('wal-name-invalid', {
      message: `${JSON.stringify(fileName.slice(0, 80))} is not the name of a WAL file`,
      hint: 'PostgreSQL archives segments, partial segments, timeline history and backup history files; pass %f or %p as it gives them.',
    });
  }
  return keyOf(`${walPrefix}${fileName}${codecSuffix(codec)}`);
};

const checkedBackupName = (name: string): string => {
  if (parseBackupName(name) === undefined) {
    throw new PipelineError('value-invalid', {
      message: `${JSON.stringify(name.slice(0, 120))} is not the name of a base backup`,
      hint: 'Names look like base_000000010000000000000003; "walwarden backup-list" shows those that are there.',
    });
  }
  return name;
};

// WAL-G counts from part_001, WAL-E from part_00000000; pg_control and backup_label are WAL-G's and ours.
const anyPartName = /^(?:part_[0-9]{1,10}|pg_control|backup_label)$/;

/** The name of the part with this number, counted from 1: 'part_001'. From 1000 on it grows longer, as WAL-G's does. */
export const partName = (index: number): string => {
  assert(Number.isSafeInteger(index) && index >= 1, 'parts are counted from 1');
  return `part_${index.toString().padStart(3, '0')}`;
};

/** @param part 'part_001', 'pg_control' or 'backup_label' @throws 'value-invalid' for any other, or no backup's name */
export const partKey = (backupName: string, part: string, codec: Codec): ObjectKey => {
  if (!anyPartName.test(part)) {
    throw new PipelineError('value-invalid', {
      message: `${JSON.stringify(part.slice(0, 80))} is not the name of a part of a base backup`,
    });
  }
  return keyOf(`${tarPartitionsPrefix(backupName)}${part}.tar${codecSuffix(codec)}`);
};

/** Every object under it is a part. */
export const tarPartitionsPrefix = (backupName: string): string =>
  `${backupsPrefix}${checkedBackupName(backupName)}${partsFolder}`;

/** The sentinel is written last: a backup without one is not there. */
export const sentinelKey = (backupName: string): ObjectKey =>
  keyOf(`${backupsPrefix}${checkedBackupName(backupName)}${sentinelSuffix}`);

/** The one document of a backup that is rewritten: it holds whether the backup is permanent. */
export const metadataKey = (backupName: string): ObjectKey =>
  keyOf(`${backupsPrefix}${checkedBackupName(backupName)}/metadata.json`);

export const filesMetadataKey = (backupName: string): ObjectKey =>
  keyOf(`${backupsPrefix}${checkedBackupName(backupName)}/files_metadata.json`);

/** Counted from 1; the newest number is the cluster that the archive belongs to. */
export const incarnationKey = (number: number): ObjectKey => {
  assert(Number.isSafeInteger(number) && number >= 1, 'incarnations are counted from 1');
  return keyOf(`${incarnationsPrefix}${number.toString().padStart(6, '0')}.json`);
};

/** Objects that are there only to see whether a store refuses to overwrite them. */
export const probeKeys = {
  whole: keyOf(`${probesPrefix}whole`),
  inParts: keyOf(`${probesPrefix}in-parts`),
} as const;

/** Says that a backup is being deleted, from before its sentinel goes until nothing else of it is left. */
export const backupDeletedKey = (backupName: string): ObjectKey =>
  keyOf(`${ownBackupsPrefix}${checkedBackupName(backupName)}/deleted.json`);

/** Every object of our own about one backup. */
export const ownBackupPrefix = (backupName: string): string =>
  `${ownBackupsPrefix}${checkedBackupName(backupName)}/`;

/** Reserves a backup's name before its first part is written. */
export const backupStartedKey = (backupName: string): ObjectKey =>
  keyOf(`${ownBackupsPrefix}${checkedBackupName(backupName)}/started.json`);

/** Size and checksum of every file and part. */
export const backupManifestKey = (backupName: string): ObjectKey =>
  keyOf(`${ownBackupsPrefix}${checkedBackupName(backupName)}/manifest.ndjson.lz4`);

/** What a finished backup holds and needs, for whoever does not read its manifest. */
export const backupSummaryKey = (backupName: string): ObjectKey =>
  keyOf(`${ownBackupsPrefix}${checkedBackupName(backupName)}/summary.json`);

/** What an object is, by its key. 'wal-sidecar' is what WAL-G caches beside the WAL and may be lost without harm. */
export type ArchiveObject =
  | { readonly kind: 'wal'; readonly file: WalFile; readonly codec: Codec }
  | { readonly kind: 'wal-sidecar' }
  | { readonly kind: 'part'; readonly backupName: string; readonly partName: string; readonly codec: Codec }
  | {
      readonly kind:
        | 'sentinel'
        | 'metadata'
        | 'files-metadata'
        | 'wal-e-version'
        | 'backup-started'
        | 'backup-manifest'
        | 'backup-summary'
        | 'backup-deleted';
      readonly backupName: string;
    }
  | { readonly kind: 'incarnation'; readonly number: number }
  | { readonly kind: 'probe' }
  | { readonly kind: 'catchup' }
  | { readonly kind: 'unknown' };

const unknown: ArchiveObject = { kind: 'unknown' };

const splitCodec = (name: string): { readonly stem: string; readonly codec: Codec } => {
  const codec = codecs.find((candidate) => name.endsWith(codecSuffix(candidate)));
  assert(codec !== undefined, 'every name ends with the empty suffix of "none", which is asked last');
  return { stem: name.slice(0, name.length - codecSuffix(codec).length), codec };
};

const parseWalKey = (name: string): ArchiveObject => {
  const { stem, codec } = splitCodec(name);
  const file = parseWalFileName(stem);
  if (file !== undefined) return { kind: 'wal', file, codec };
  const isSidecar = /^[0-9A-F]{23,24}\.json$/.test(name) || /^[0-9A-F]{24}_delta$/.test(stem);
  return isSidecar ? { kind: 'wal-sidecar' } : unknown;
};

const backupFiles: ReadonlyMap<string, 'metadata' | 'files-metadata' | 'wal-e-version'> = new Map([
  ['/metadata.json', 'metadata'],
  ['/files_metadata.json', 'files-metadata'],
  ['/extended_version.txt', 'wal-e-version'],
]);

const ownBackupFiles: ReadonlyMap<
  string,
  'backup-started' | 'backup-manifest' | 'backup-summary' | 'backup-deleted'
> = new Map([
  ['/deleted.json', 'backup-deleted'],
  ['/started.json', 'backup-started'],
  ['/manifest.ndjson.lz4', 'backup-manifest'],
  ['/summary.json', 'backup-summary'],
]);

const splitBackup = (path: string): { readonly backupName: string; readonly rest: string } => {
  const slash = path.indexOf('/');
  const end = slash === -1 ? path.length : slash;
  return { backupName: path.slice(0, end), rest: path.slice(end) };
};

const parseBackupKey = (path: string): ArchiveObject => {
  if (path.endsWith(sentinelSuffix)) {
    const backupName = path.slice(0, -sentinelSuffix.length);
    return parseBackupName(backupName) === undefined ? unknown : { kind: 'sentinel', backupName };
  }
  const { backupName, rest } = splitBackup(path);
  if (parseBackupName(backupName) === undefined) return unknown;
  const kind = backupFiles.get(rest);
  if (kind !== undefined) return { kind, backupName };
  if (!rest.startsWith(partsFolder)) return unknown;
  const { stem, codec } = splitCodec(rest.slice(partsFolder.length));
  const part = stem.slice(0, -'.tar'.length);
  if (!stem.endsWith('.tar') || !anyPartName.test(part)) return unknown;
  return { kind: 'part', backupName, partName: part, codec };
};

const parseIncarnationKey = (name: string): ArchiveObject => {
  if (!/^(?:[0-9]{6}|[1-9][0-9]{6,14})\.json$/.test(name)) return unknown;
  const number = Number.parseInt(name, 10);
  return number === 0 ? unknown : { kind: 'incarnation', number };
};

const parseOwnBackupKey = (path: string): ArchiveObject => {
  const { backupName, rest } = splitBackup(path);
  const kind = ownBackupFiles.get(rest);
  return kind === undefined || parseBackupName(backupName) === undefined ? unknown : { kind, backupName };
};

const readers: readonly (readonly [prefix: string, read: (path: string) => ArchiveObject])[] = [
  [walPrefix, parseWalKey],
  [backupsPrefix, parseBackupKey],
  [catchupPrefix, () => ({ kind: 'catchup' })],
  [incarnationsPrefix, parseIncarnationKey],
  [probesPrefix, () => ({ kind: 'probe' })],
  [ownBackupsPrefix, parseOwnBackupKey],
];

/** What a key relative to the archive's prefix means. Never throws: what is not ours and not v005 is 'unknown'. */
export const parseKey = (key: string): ArchiveObject => {
  for (const [prefix, read] of readers) {
    if (key.startsWith(prefix)) return read(key.slice(prefix.length));
  }
  return unknown;
};
