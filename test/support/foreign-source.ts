import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type AgentResult, runAgent } from './agent.ts';
import { adoptCluster, type Cluster, createCluster } from './cluster.ts';
import { giveToClusterUser } from './cluster-user.ts';
import { type CopiedCluster, copyRunning } from './foreign-copy.ts';
import type { Major } from './postgres-parts.ts';
import { type Hooks, temporaryDirectory } from './temporary.ts';
import type { TestArchive } from './test-archive.ts';

/** A running cluster whose WAL is kept in a directory, for others to store as they will. */
export type Source = {
  readonly cluster: Cluster;
  readonly directory: string;
  readonly walDirectory: string;
  archiveAll(): Promise<void>;
};

export const startSource = async (hooks: Hooks, major: Major): Promise<Source> => {
  const directory = temporaryDirectory(hooks, { ownedByCluster: true });
  const walDirectory = join(directory, 'kept-wal');
  mkdirSync(walDirectory);
  giveToClusterUser(walDirectory);
  const cluster = await createCluster({
    hooks,
    directory,
    major,
    walSegmentMiB: 1,
    settings: {
      archive_mode: 'on',
      archive_command: `cp "%p" "${walDirectory}/%f"`,
      autovacuum: 'off',
      full_page_writes: 'on',
    },
  });
  await cluster.start();
  const archiveAll = async (): Promise<void> => {
    const segment = await cluster.switchWal();
    await cluster.waitFor(`(select last_archived_wal >= '${segment}' from pg_stat_archiver)`);
  };
  return { cluster, directory, walDirectory, archiveAll };
};

export const fill = (cluster: Cluster, table: string, rows = 2000): Promise<void> =>
  cluster.exec(
    `create table ${table} as select n, md5(n::text) as text from generate_series(1, ${rows}) as n; checkpoint`,
  );

export const fetchBackup = (
  archive: TestArchive,
  target: string,
  backup = 'LATEST',
  options: readonly string[] = [],
): Promise<AgentResult> => runAgent(['backup-fetch', ...options, target, backup], { env: archive.env });

type Expectation = {
  readonly prepare?: (dataDirectory: string) => void;
  readonly expected?: ReadonlyMap<string, string>;
};

/** Starts a real PostgreSQL on a directory that was restored beside the source, and compares every row. */
export const assertRestored = async (
  hooks: Hooks,
  source: Source,
  archive: TestArchive,
  name: string,
  options: Expectation = {},
): Promise<void> => {
  const dataDirectory = join(source.directory, name);
  options.prepare?.(dataDirectory);
  const recovered = adoptCluster({
    hooks,
    major: source.cluster.major,
    dataDirectory,
    environment: archive.env,
    settings: { archive_mode: 'off' },
  });
  await recovered.start();
  await recovered.waitFor('not pg_is_in_recovery()');
  assert.deepEqual(
    await recovered.tableChecksums(),
    options.expected ?? (await source.cluster.tableChecksums()),
  );
  await recovered.dispose();
};

/** Restores into a new directory of that name beside the source first. */
export const assertRecovers = async (
  hooks: Hooks,
  source: Source,
  archive: TestArchive,
  name: string,
  options: Expectation & { readonly backup?: string; readonly fetch?: readonly string[] } = {},
): Promise<AgentResult> => {
  const fetched = await fetchBackup(archive, join(source.directory, name), options.backup, options.fetch);
  assert.equal(fetched.status, 0, fetched.stderr);
  await assertRestored(hooks, source, archive, name, options);
  return fetched;
};

/** A cluster with two tables, one of them written after the copy. */
export const copySource = async (source: Source): Promise<CopiedCluster> => {
  await fill(source.cluster, 'before_copy');
  const copy = await copyRunning(source.cluster);
  await fill(source.cluster, 'after_copy');
  await source.archiveAll();
  return copy;
};

/** Gives a restored data directory what WAL-E leaves out of its backups: the configuration. */
export const configureAs =
  (source: Source) =>
  (dataDirectory: string): void => {
    for (const file of ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf']) {
      copyFileSync(join(source.cluster.dataDirectory, file), join(dataDirectory, file));
      giveToClusterUser(join(dataDirectory, file));
    }
  };
