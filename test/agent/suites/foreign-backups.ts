import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type AgentResult, runAgent } from '../../support/agent.ts';
import { adoptCluster, type Cluster, createCluster } from '../../support/cluster.ts';
import { giveToClusterUser } from '../../support/cluster-user.ts';
import { storeWalGBackup } from '../../support/foreign-archive.ts';
import {
  demandEncoder,
  type ForeignEncoder,
  foreignEncoderNames,
  lzopEncoder,
  plainEncoder,
} from '../../support/foreign-codecs.ts';
import { type CopiedCluster, copyRunning } from '../../support/foreign-copy.ts';
import { storeWal, storeWalEBackup } from '../../support/foreign-wal-e.ts';
import { demandMajor, type Major } from '../../support/postgres-parts.ts';
import { type Hooks, temporaryDirectory } from '../../support/temporary.ts';
import type { TestArchive, TestStore } from '../../support/test-archive.ts';

/** A running cluster whose WAL is kept in a directory, for others to store as they will. */
type Source = {
  readonly cluster: Cluster;
  readonly directory: string;
  readonly walDirectory: string;
  archiveAll(): Promise<void>;
};

const startSource = async (hooks: Hooks, major: Major): Promise<Source> => {
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

const fill = (cluster: Cluster, table: string, rows = 2000): Promise<void> =>
  cluster.exec(
    `create table ${table} as select n, md5(n::text) as text from generate_series(1, ${rows}) as n; checkpoint`,
  );

const fetchBackup = (
  archive: TestArchive,
  target: string,
  backup = 'LATEST',
  options: readonly string[] = [],
): Promise<AgentResult> => runAgent(['backup-fetch', ...options, target, backup], { env: archive.env });

/** Restores into a new directory beside the source, starts a real PostgreSQL there and compares every row. */
const assertRecovers = async (
  hooks: Hooks,
  source: Source,
  archive: TestArchive,
  name: string,
  options: {
    readonly backup?: string;
    readonly fetch?: readonly string[];
    readonly prepare?: (dataDirectory: string) => void;
    readonly expected?: ReadonlyMap<string, string>;
  } = {},
): Promise<AgentResult> => {
  const dataDirectory = join(source.directory, name);
  const fetched = await fetchBackup(archive, dataDirectory, options.backup, options.fetch);
  assert.equal(fetched.status, 0, fetched.stderr);
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
  return fetched;
};

/** A cluster with two tables, one of them written after the copy. */
const copySource = async (source: Source): Promise<CopiedCluster> => {
  await fill(source.cluster, 'before_copy');
  const copy = await copyRunning(source.cluster);
  await fill(source.cluster, 'after_copy');
  await source.archiveAll();
  return copy;
};

export const foreignBackupsSuite = (store: TestStore): void => {
  test(`a local backup of WAL-G in ${store.name} recovers in every codec that WAL-G reads`, async (t) => {
    if (!demandMajor(t, 17)) return;
    const source = await startSource(t, 17);
    const copy = await copySource(source);
    for (const name of foreignEncoderNames) {
      await t.test(name, async (inner) => {
        const encoder = demandEncoder(inner, name);
        if (encoder === undefined) return;
        const archive = await store.open(inner);
        await storeWalGBackup(archive, copy, encoder);
        await storeWal(archive, source.walDirectory, encoder);
        await assertRecovers(inner, source, archive, `local-${name.replaceAll(' ', '-')}`);
      });
    }
  });

  test(`a backup of WAL-G in ${store.name} recovers wherever its list of files is, and without one`, async (t) => {
    if (!demandMajor(t, 17)) return;
    const source = await startSource(t, 17);
    const copy = await copySource(source);
    for (const [name, options] of [
      ['inline', { list: 'inline' }],
      ['without', { list: 'disabled' }],
      ['remote', { style: 'remote' }],
      ['remote-without', { style: 'remote', list: 'disabled' }],
    ] as const) {
      const archive = await store.open(t);
      await storeWalGBackup(archive, copy, plainEncoder, options);
      await storeWal(archive, source.walDirectory, plainEncoder);
      await assertRecovers(t, source, archive, name);
    }
  });

  test(`tablespaces of foreign backups in ${store.name} go where a mapping or a restore spec says`, async (t) => {
    if (!demandMajor(t, 16)) return;
    const source = await startSource(t, 16);
    const place = join(source.directory, 'space');
    mkdirSync(place);
    giveToClusterUser(place);
    await source.cluster.exec(`create tablespace space location '${place}'`);
    await source.cluster.exec(
      'create table in_space (n int) tablespace space; insert into in_space values (1)',
    );
    const copy = await copySource(source);
    const [oid = ''] = copy.tablespaces.map((tablespace) => tablespace.oid);
    for (const style of ['local', 'remote'] as const) {
      const archive = await store.open(t);
      await storeWalGBackup(archive, copy, plainEncoder, { style });
      await storeWal(archive, source.walDirectory, plainEncoder);
      const mapped = `${place}-mapped-${style}`;
      await assertRecovers(t, source, archive, `mapped-${style}`, {
        fetch: ['--tablespace-mapping', `${place}=${mapped}`],
      });
      const specFile = join(source.directory, `${style}.json`);
      const target = join(source.directory, `spec-${style}`);
      const spec = {
        base_prefix: target,
        tablespaces: [oid],
        [oid]: { loc: `${place}-spec-${style}`, link: `pg_tblspc/${oid}` },
      };
      writeFileSync(specFile, JSON.stringify(spec));
      await assertRecovers(t, source, archive, `spec-${style}`, { fetch: ['--restore-spec', specFile] });
    }
  });

  test(`a chain of WAL-G's deltas in ${store.name} recovers, each of its backups for itself`, async (t) => {
    if (!demandMajor(t, 17)) return;
    const source = await startSource(t, 17);
    const { cluster } = source;
    const archive = await store.open(t);
    const encoder: ForeignEncoder = demandEncoder(t, 'gz') ?? plainEncoder;
    await fill(cluster, 'still', 5000);
    await fill(cluster, 'changes', 20_000);
    await fill(cluster, 'shrinks', 20_000);
    await fill(cluster, 'goes');
    const full = await storeWalGBackup(archive, await copyRunning(cluster), encoder);

    await cluster.exec(
      "update changes set text = 'first' where n < 100; insert into changes select n, 'more' from generate_series(1, 9000) as n",
    );
    await cluster.exec('drop table goes; delete from shrinks where n > 3000');
    await cluster.exec('vacuum shrinks');
    await fill(cluster, 'comes');
    const first = await storeWalGBackup(archive, await copyRunning(cluster), encoder, { parent: full });

    await cluster.exec("update changes set text = 'second' where n between 15000 and 15050; checkpoint");
    await cluster.exec("update comes set text = 'second' where n = 7; checkpoint");
    const second = await storeWalGBackup(archive, await copyRunning(cluster), encoder, { parent: first });

    for (const delta of [first, second]) {
      const flags = [...delta.listed.values()];
      assert(
        flags.some(({ IsSkipped }) => IsSkipped),
        'files that did not change are skipped',
      );
      assert(delta.increments.size > 0, 'files that changed are increments');
      assert(
        [...delta.increments.values()].some((bytes) => bytes > 8192 && bytes < 30 * 8192),
        'of few pages',
      );
    }
    await fill(cluster, 'after_all');
    await source.archiveAll();
    await storeWal(archive, source.walDirectory, encoder);
    for (const { name } of [second, first, full]) {
      await assertRecovers(t, source, archive, `chain-${name}`, { backup: name });
    }
    await t.test('and backup-list says which stands on which', async () => {
      const listed = await runAgent(['backup-list', '--json'], { env: archive.env });
      const backups: readonly Record<string, unknown>[] = JSON.parse(listed.stdout);
      assert.deepEqual(
        backups.map(({ name, taken_by, delta_from, delta_full, delta_count }) => [
          name,
          taken_by,
          delta_from,
          delta_full,
          delta_count,
        ]),
        [
          [full.name, 'wal-g', undefined, undefined, undefined],
          [first.name, 'wal-g', full.name, full.name, 1],
          [second.name, 'wal-g', first.name, full.name, 2],
        ],
      );
    });
  });

  test(`a backup of WAL-E in ${store.name} recovers once it has its configuration again`, async (t) => {
    if (!demandMajor(t, 14)) return;
    const source = await startSource(t, 14);
    const archive = await store.open(t);
    await fill(source.cluster, 'before_copy');
    const copy = await copyRunning(source.cluster, { exclusive: true });
    const name = await storeWalEBackup(archive, copy, lzopEncoder());
    await fill(source.cluster, 'after_copy');
    await source.archiveAll();
    await storeWal(archive, source.walDirectory, lzopEncoder());
    const prepare = (dataDirectory: string): void => {
      for (const file of ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf']) {
        copyFileSync(join(source.cluster.dataDirectory, file), join(dataDirectory, file));
        giveToClusterUser(join(dataDirectory, file));
      }
    };
    const { stderr } = await assertRecovers(t, source, archive, 'from-wal-e', { prepare });
    assert.match(stderr, /the backup holds no postgresql\.conf/);
    assert.match(stderr, /nobody can tell whether a part is missing/);

    const shown = await runAgent(['backup-show', '--json', name], { env: archive.env });
    const facts: Record<string, unknown> = JSON.parse(shown.stdout);
    const lsn = `${(copy.startLsn >> 32n).toString(16)}/${(copy.startLsn & 0xffffffffn).toString(16)}`;
    assert.equal(facts.taken_by, 'wal-e');
    assert.equal(facts.start_lsn, lsn.toUpperCase());
    assert.equal(facts.started_at, undefined, 'WAL-E says no times');
    assert.equal(typeof facts.stored_at, 'string');
  });
};
