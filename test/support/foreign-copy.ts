import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from './cluster.ts';

/** One thing of a data directory as it was while the backup ran; tablespaces lie below pg_tblspc/<oid>/. */
export type CopiedEntry = {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly content: Buffer;
  readonly link?: string;
};

/** A data directory copied between the start and the stop of a backup, from which foreign archives are made. */
export type CopiedCluster = {
  readonly entries: readonly CopiedEntry[];
  readonly dataDirectory: string;
  readonly pgVersion: number;
  readonly systemIdentifier: string;
  readonly startLsn: bigint;
  readonly stopLsn: bigint;
  /** As pg_walfile_name_offset says of the start and of the stop. */
  readonly start: { readonly segment: string; readonly offset: number };
  readonly stop: { readonly segment: string; readonly offset: number };
  readonly startedAt: Date;
  readonly finishedAt: Date;
  /** Empty for an exclusive backup, which has them as files. */
  readonly label: string;
  readonly tablespaceMap: string;
  readonly tablespaces: readonly { readonly oid: string; readonly location: string }[];
};

export const lsnNumber = (text: string): bigint => {
  const [high = '', low = ''] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
};

const walk = (root: string, path: string): readonly CopiedEntry[] =>
  readdirSync(join(root, path)).flatMap((name) => {
    const inner = path === '' ? name : `${path}/${name}`;
    return entryOf(root, inner);
  });

const entryOf = (root: string, path: string): readonly CopiedEntry[] => {
  const place = join(root, path);
  const stats = lstatSync(place, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return [];
  const facts = { path, mode: Number(stats.mode & 0o777n), mtimeNs: stats.mtimeNs, content: Buffer.alloc(0) };
  if (stats.isSymbolicLink()) {
    const link = readlinkSync(place);
    return [{ ...facts, kind: 'symlink', link }, ...(path.startsWith('pg_tblspc/') ? walk(root, path) : [])];
  }
  if (stats.isDirectory()) return [{ ...facts, kind: 'directory' }, ...walk(root, path)];
  return stats.isFile() ? [{ ...facts, kind: 'file', content: readFileSync(place) }] : [];
};

/**
 * Copies a running cluster as WAL-G does: the backup is started and stopped by the functions of the low level API. With
 * `exclusive` as WAL-E does, which PostgreSQL knew until 14.
 */
export const copyRunning = async (
  cluster: Cluster,
  options: { readonly exclusive?: boolean } = {},
): Promise<CopiedCluster> =>
  cluster.session(async (client) => {
    const one = async (sql: string): Promise<Record<string, string>> => {
      const { rows } = await client.query<Record<string, string>>(sql);
      return rows[0] ?? {};
    };
    const isNew = cluster.major >= 15;
    const isExclusive = options.exclusive === true;
    const startedAt = new Date();
    const startLsn =
      (
        await one(
          isNew
            ? "select pg_backup_start('foreign', true)::text as lsn"
            : `select pg_start_backup('foreign', true, ${isExclusive})::text as lsn`,
        )
      ).lsn ?? '';
    const entries = walk(cluster.dataDirectory, '');
    const stopped = await one(
      isNew
        ? 'select lsn::text, labelfile, spcmapfile from pg_backup_stop(true)'
        : isExclusive
          ? "select pg_stop_backup()::text as lsn, '' as labelfile, '' as spcmapfile"
          : 'select lsn::text, labelfile, spcmapfile from pg_stop_backup(false, true)',
    );
    const stopLsn = stopped.lsn ?? '';
    const place = async (lsn: string): Promise<{ readonly segment: string; readonly offset: number }> => {
      const found = await one(
        `select file_name, file_offset::text from pg_walfile_name_offset('${lsn}'::pg_lsn)`,
      );
      return { segment: found.file_name ?? '', offset: Number(found.file_offset) };
    };
    const { version } = await one("select current_setting('server_version_num') as version");
    const { id } = await one('select system_identifier::text as id from pg_control_system()');
    return {
      entries,
      dataDirectory: cluster.dataDirectory,
      pgVersion: Number(version),
      systemIdentifier: id ?? '',
      startLsn: lsnNumber(startLsn),
      stopLsn: lsnNumber(stopLsn),
      start: await place(startLsn),
      stop: await place(stopLsn),
      startedAt,
      finishedAt: new Date(),
      label: stopped.labelfile ?? '',
      tablespaceMap: stopped.spcmapfile ?? '',
      tablespaces: entries.flatMap(({ path, link }) =>
        link !== undefined && path.startsWith('pg_tblspc/')
          ? [{ oid: path.slice('pg_tblspc/'.length), location: link }]
          : [],
      ),
    };
  });
