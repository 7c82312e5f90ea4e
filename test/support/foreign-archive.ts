import type { ForeignEncoder } from './foreign-codecs.ts';
import type { CopiedCluster, CopiedEntry } from './foreign-copy.ts';
import { foreignTar, type TarMember } from './foreign-tar.ts';
import type { TestArchive } from './test-archive.ts';

/**
 * Archives as WAL-G and WAL-E leave them, made by a plain program from the facts of their formats: nothing of agent/ or
 * lib/ is behind any byte of them.
 */

/** What a file is in the list that WAL-G keeps. */
export type ListedEntry = {
  readonly IsIncremented: boolean;
  readonly IsSkipped: boolean;
  readonly MTime: string;
  readonly UpdatesCount: number;
};

/** A backup of WAL-G in an archive, as its next delta needs to know it. */
export type StoredBackup = {
  readonly name: string;
  readonly fullName: string;
  readonly count: number;
  readonly startLsn: bigint;
  readonly listed: ReadonlyMap<string, ListedEntry>;
  /** The size of each increment in it by the member's name. */
  readonly increments: ReadonlyMap<string, number>;
};

export type WalGOptions = {
  readonly style?: 'local' | 'remote';
  /** Where the list of files is; 'disabled' as with WALG_WITHOUT_FILES_METADATA, 'inline' as before sentinel version 2. */
  readonly list?: 'file' | 'inline' | 'disabled';
  /** Makes a delta of this one. */
  readonly parent?: StoredBackup;
  /** A last chance to harm the members of the parts, by part number from 0. */
  readonly spoil?: (members: readonly TarMember[], part: number) => readonly TarMember[];
};

const parts = 3;
const pageBytes = 8192;

/** Names that WAL-G leaves out wherever they are; of a directory it keeps the directory. */
const leftOut: ReadonlySet<string> = new Set(
  (
    'log pg_log pg_xlog pg_wal pgsql_tmp postgresql.auto.conf.tmp postmaster.pid postmaster.opts recovery.conf ' +
    'pg_dynshmem pg_notify pg_replslot pg_serial pg_stat_tmp pg_snapshots pg_subtrans standby.signal'
  ).split(' '),
);

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const isBelowLeftOut = (path: string): boolean =>
  path
    .split('/')
    .slice(0, -1)
    .some((step) => leftOut.has(step));

/** RFC 3339 with nanoseconds, as Go writes times. */
const goTime = (ns: bigint): string => {
  const seconds = new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${(ns % 1_000_000_000n).toString().padStart(9, '0')}Z`;
};

/** 64-bit numbers are plain decimal digits in these documents. */
export const goJson = (value: unknown): string =>
  JSON.stringify(value, (_name, part: unknown) =>
    typeof part === 'bigint' ? `bigint:${part}` : part,
  ).replace(/"bigint:(\d+)"/g, '$1');

export const memberOf = (entry: CopiedEntry, name: string, content = entry.content): TarMember => ({
  name,
  kind: entry.kind,
  mode: entry.mode,
  mtimeSeconds: Number(entry.mtimeNs / 1_000_000_000n),
  content,
  ...(entry.link === undefined ? {} : { link: entry.link }),
});

const isPaged = ({ path, content }: CopiedEntry): boolean =>
  /(^|\/)(base|pg_tblspc)\//.test(path) &&
  content.length > 0 &&
  content.length % pageBytes === 0 &&
  /^\d+([.]\d+)?$/.test(baseName(path));

/** The pages that are new or have an LSN from there on, in WAL-G's container. */
export const incrementOf = (content: Buffer, fromLsn: bigint): Buffer => {
  const blocks: number[] = [];
  for (let block = 0; block * pageBytes < content.length; block += 1) {
    const at = block * pageBytes;
    const isNew = content.subarray(at, at + 24).every((byte) => byte === 0);
    const lsn = (BigInt(content.readUInt32LE(at)) << 32n) | BigInt(content.readUInt32LE(at + 4));
    if (isNew || lsn >= fromLsn) blocks.push(block);
  }
  const head = Buffer.alloc(16 + 4 * blocks.length);
  head.write('wi1\x55', 0, 'latin1');
  head.writeBigUInt64LE(BigInt(content.length), 4);
  head.writeUInt32LE(blocks.length, 12);
  for (const [index, block] of blocks.entries()) head.writeUInt32LE(block, 16 + 4 * index);
  return Buffer.concat([
    head,
    ...blocks.map((block) => content.subarray(block * pageBytes, (block + 1) * pageBytes)),
  ]);
};

/** What one walk of WAL-G over the data directory makes of it. */
const compose = (
  copy: CopiedCluster,
  prefix: string,
  parent: StoredBackup | undefined,
): {
  readonly members: readonly TarMember[];
  readonly listed: ReadonlyMap<string, ListedEntry>;
  readonly increments: ReadonlyMap<string, number>;
} => {
  const members: TarMember[] = [];
  const listed = new Map<string, ListedEntry>();
  const increments = new Map<string, number>();
  for (const entry of copy.entries) {
    const { path, kind } = entry;
    if (isBelowLeftOut(path) || (leftOut.has(baseName(path)) && kind !== 'directory')) continue;
    if (baseName(path) === 'pg_control' || (kind === 'symlink' && path.startsWith('pg_tblspc/'))) continue;
    const name = `${prefix}${path}`;
    const facts = { IsIncremented: false, IsSkipped: false, MTime: goTime(entry.mtimeNs), UpdatesCount: 0 };
    const before = parent?.listed.get(name);
    if (kind === 'file' && before?.MTime === facts.MTime) {
      listed.set(name, { ...facts, IsSkipped: true });
    } else if (kind === 'file' && parent !== undefined && before !== undefined && isPaged(entry)) {
      const increment = incrementOf(entry.content, parent.startLsn);
      increments.set(name, increment.length);
      listed.set(name, { ...facts, IsIncremented: true });
      members.push(memberOf(entry, name, increment));
    } else {
      listed.set(name, facts);
      members.push(memberOf(entry, name));
    }
  }
  return { members, listed, increments };
};

const textMember = (name: string, text: string): TarMember => ({
  name,
  kind: 'file',
  mode: 0o600,
  mtimeSeconds: 0,
  content: Buffer.from(text),
});

/** Spreads members over parts without any order, as WAL-G's several disk readers do; directories stay in front. */
export const spread = (members: readonly TarMember[]): readonly (readonly TarMember[])[] =>
  Array.from({ length: parts }, (_, part) => members.filter((_member, index) => index % parts === part));

/** Stores a backup as `wal-g backup-push` does. */
export const storeWalGBackup = async (
  archive: TestArchive,
  copy: CopiedCluster,
  encoder: ForeignEncoder,
  options: WalGOptions = {},
): Promise<StoredBackup> => {
  const { parent, list = 'file' } = options;
  const isRemote = options.style === 'remote';
  const prefix = isRemote ? '' : '/';
  const parentSegment = parent?.name.slice('base_'.length, 'base_'.length + 24);
  const name = `base_${copy.start.segment}${parent === undefined ? '' : `_D_${parentSegment}`}`;
  const { members, listed, increments } = compose(copy, prefix, parent);
  const control = copy.entries.find(({ path }) => path === 'global/pg_control');
  if (control === undefined) throw new Error('a data directory has pg_control');
  const labels = [textMember('backup_label', copy.label), textMember('tablespace_map', copy.tablespaceMap)];
  const inParts = isRemote ? [...labels, ...members, memberOf(control, 'global/pg_control')] : members;

  const folder = `basebackups_005/${name}`;
  const storePart = (part: string, content: readonly TarMember[]): Promise<void> =>
    archive.write(
      `${folder}/tar_partitions/${part}.tar${encoder.suffix}`,
      encoder.encode(foreignTar(content)),
    );
  const sets: Record<string, readonly string[]> = {};
  for (const [index, content] of spread(inParts).entries()) {
    const part = `part_${String(index + 1).padStart(3, '0')}`;
    sets[`${part}.tar${encoder.suffix}`] = content.map((member) => member.name);
    await storePart(part, options.spoil?.(content, index) ?? content);
  }
  await storePart('pg_control', [memberOf(control, `${prefix}global/pg_control`)]);
  if (!isRemote) await storePart('backup_label', labels);

  await archive.write(`${folder}/metadata.json`, Buffer.from(goJson(metadataOf(copy))));
  const lists = { Files: Object.fromEntries(listed), TarFileSets: sets, DatabasesByNames: {} };
  if (list === 'file') await archive.write(`${folder}/files_metadata.json`, Buffer.from(goJson(lists)));
  const sentinel = {
    ...(list === 'inline' ? lists : {}),
    ...sentinelOf(copy, isRemote),
    ...(list === 'inline' ? {} : { Version: 2 }),
    ...(list === 'disabled' ? { FilesMetadataDisabled: true } : {}),
    ...(parent === undefined
      ? {}
      : {
          DeltaLSN: parent.startLsn,
          DeltaFrom: parent.name,
          DeltaFullName: parent.fullName,
          DeltaCount: parent.count + 1,
        }),
  };
  await archive.write(`${folder}_backup_stop_sentinel.json`, Buffer.from(goJson(sentinel)));
  const fullName = parent?.fullName ?? name;
  return { name, fullName, count: (parent?.count ?? -1) + 1, startLsn: copy.startLsn, listed, increments };
};

export const specOf = (copy: CopiedCluster, slash = ''): object => ({
  base_prefix: `${copy.dataDirectory}${slash}`,
  tablespaces: copy.tablespaces.map(({ oid }) => oid),
  ...Object.fromEntries(
    copy.tablespaces.map(({ oid, location }) => [
      oid,
      { loc: `${location}${slash}`, link: `pg_tblspc/${oid}` },
    ]),
  ),
});

const sentinelOf = (copy: CopiedCluster, isRemote: boolean): object => ({
  LSN: copy.startLsn,
  PgVersion: copy.pgVersion,
  FinishLSN: copy.stopLsn,
  SystemIdentifier: BigInt(copy.systemIdentifier),
  UncompressedSize: copy.entries.reduce((bytes, { content }) => bytes + content.length, 0),
  CompressedSize: 1,
  ...(isRemote || copy.tablespaces.length > 0 ? { Spec: specOf(copy) } : {}),
  ChkpNum: null,
  StartTime: copy.startedAt.toISOString(),
  FinishTime: copy.finishedAt.toISOString(),
  DateFmt: '%Y-%m-%dT%H:%M:%S.%fZ',
  Hostname: 'db1',
  DataDir: copy.dataDirectory,
  IsPermanent: false,
});

const metadataOf = (copy: CopiedCluster): object => ({
  start_time: copy.startedAt.toISOString(),
  finish_time: copy.finishedAt.toISOString(),
  date_fmt: '%Y-%m-%dT%H:%M:%S.%fZ',
  hostname: 'db1',
  data_dir: copy.dataDirectory,
  pg_version: copy.pgVersion,
  start_lsn: copy.startLsn,
  finish_lsn: copy.stopLsn,
  is_permanent: false,
  system_identifier: BigInt(copy.systemIdentifier),
  uncompressed_size: 1,
  compressed_size: 1,
});
