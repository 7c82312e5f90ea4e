import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { spawnAgent } from '../../support/agent.ts';
import type { Cluster } from '../../support/cluster.ts';
import { demandMajor, type Major, newestMajor } from '../../support/postgres-parts.ts';
import { type ProtectedCluster, protectCluster } from '../../support/protected-cluster.ts';
import { listedBackups, restoreProtected } from '../../support/restored-cluster.ts';
import type { TestStore } from '../../support/test-archive.ts';
import { eventually } from '../../support/waiting.ts';

/** PostgreSQL waits five seconds by itself before it asks the archive again. */
const eager = { wal_retrieve_retry_interval: '100ms' };

const rowsOf = (cluster: Cluster): Promise<string> =>
  cluster.text("select string_agg(n::text, ',' order by n) from rows");

const insert = (cluster: Cluster, n: number): Promise<void> => cluster.exec(`insert into rows values (${n})`);

/** A standby that has everything that the primary has archived; with `isStreaming` also what it has not. */
const standbyOf = async (
  t: TestContext,
  primary: ProtectedCluster,
  isStreaming: boolean,
): Promise<ProtectedCluster> => {
  const { host, port, user } = primary.cluster.connectionSettings();
  const conninfo = `host=${host} port=${port} user=${user}`;
  const standby = await restoreProtected(t, primary, 'standby', {
    options: ['--standby'],
    settings: { ...eager, ...(isStreaming ? { primary_conninfo: conninfo } : {}) },
  });
  await primary.archiveAll();
  const end = await primary.cluster.currentLsn();
  await standby.cluster.start();
  if (isStreaming) await standby.cluster.waitFor(`pg_last_wal_replay_lsn() >= '${end}'`, 60_000);
  return standby;
};

const recovered = async (
  place: ProtectedCluster,
  name: string,
  ...options: readonly string[]
): Promise<Cluster> => {
  const cluster = await place.restore(name, ...options);
  await cluster.start();
  await cluster.waitFor('not pg_is_in_recovery()', 60_000);
  return cluster;
};

const promoteAndGoOn = async (t: TestContext, store: TestStore, major: Major): Promise<void> => {
  const primary = await protectCluster(t, await store.open(t), { major });
  const { archive, cluster } = primary;
  await cluster.exec('create table rows (n int)');
  await insert(cluster, 1);
  const first = await primary.backup();
  await insert(cluster, 2);
  const standby = await standbyOf(t, primary, false);
  await standby.cluster.waitFor('(select max(n) from rows) = 2', 60_000);
  assert.equal(await standby.cluster.text('select pg_is_in_recovery()'), 'true');
  await insert(cluster, 3);
  await primary.archiveAll();
  await standby.cluster.waitFor('(select max(n) from rows) = 3', 60_000);

  await standby.cluster.promote();
  await insert(standby.cluster, 200);
  const newSegment = await standby.cluster.text('select pg_walfile_name(pg_current_wal_lsn())');
  await standby.archiveAll();
  await insert(cluster, 100);
  const oldSegment = await cluster.text('select pg_walfile_name(pg_current_wal_lsn())');
  await primary.archiveAll();
  const keys = await archive.keys('wal_005/');
  assert(keys.includes('wal_005/00000002.history.lz4'), 'the new timeline says where it came from');
  assert(keys.includes(`wal_005/${newSegment}.lz4`) && newSegment.startsWith('00000002'), newSegment);
  assert(keys.includes(`wal_005/${oldSegment}.lz4`) && oldSegment.startsWith('00000001'), oldSegment);

  const second = await standby.backup();
  assert.match(second, /^base_00000002/);
  await insert(standby.cluster, 201);
  await standby.archiveAll();

  const ends: readonly (readonly [string, readonly string[], string])[] = [
    ['latest', [first, '--target-timeline', 'latest'], '1,2,3,200,201'],
    ['one', [first, '--target-timeline', '1'], '1,2,3,100'],
    ['current', [first, '--target-timeline', 'current'], '1,2,3,100'],
    ['new', [second], '1,2,3,200,201'],
  ];
  for (const [name, options, rows] of ends) {
    const end = await recovered(primary, name, ...options);
    assert.equal(await rowsOf(end), rows, `the rows of ${name}`);
    await end.dispose();
  }
};

/** A streaming standby with a restart point beyond what the primary has archived. */
const standbyAhead = async (t: TestContext, primary: ProtectedCluster): Promise<ProtectedCluster> => {
  await primary.cluster.exec('create table if not exists rows (n int)');
  await primary.backup();
  const standby = await standbyOf(t, primary, true);
  await insert(primary.cluster, 1);
  await primary.cluster.exec('checkpoint');
  await insert(primary.cluster, 2);
  await standby.cluster.waitFor(`pg_last_wal_replay_lsn() >= '${await primary.cluster.currentLsn()}'`);
  await standby.cluster.exec('checkpoint');
  return standby;
};

const backUpStandby = async (t: TestContext, store: TestStore, major: Major): Promise<void> => {
  const primary = await protectCluster(t, await store.open(t), { major });
  const { archive } = primary;
  const standby = await standbyAhead(t, primary);
  const known = await listedBackups(primary);

  const running = standby.backup();
  running.catch(() => undefined);
  const label = /^basebackups_005\/(base_\w+)\/tar_partitions\/backup_label\./;
  const name = await eventually('a backup that waits for WAL', async () =>
    (await archive.keys('basebackups_005/'))
      .map((key) => label.exec(key)?.[1])
      .find((found) => found !== undefined && !known.includes(found)),
  );
  assert.deepEqual(await listedBackups(primary), known, 'it is none before its WAL is in the archive');
  await primary.archiveAll();
  assert.equal(await running, name);

  // Nothing was written: the second one begins at the same restart point.
  const again = await standby.backup();
  assert.notEqual(again, name);
  assert(again.startsWith(name), `${again} begins in the same segment as ${name}`);
  await insert(primary.cluster, 3);
  await primary.archiveAll();
  const source = await primary.cluster.tableChecksums();
  for (const [directory, backup] of [
    ['from-standby', name],
    ['from-standby-again', again],
  ] as const) {
    const copy = await recovered(primary, directory, backup);
    assert.deepEqual(await copy.tableChecksums(), source);
    assert.equal(await rowsOf(copy), '1,2,3');
    await copy.dispose();
  }
  const show = await primary.agent(['backup-show', '--json', again]);
  assert.equal(JSON.parse(show.stdout).backup_from, 'standby');
};

const promoteMeanwhile = async (t: TestContext, store: TestStore): Promise<void> => {
  const primary = await protectCluster(t, await store.open(t), { major: newestMajor });
  const { archive } = primary;
  const standby = await standbyAhead(t, primary);
  await primary.archiveAll();
  const known = await listedBackups(primary);
  const started = await archive.keys('walwarden/backups/');
  const agent = spawnAgent(['backup-push'], {
    // Slow, so that it can be met in the middle.
    env: {
      ...standby.cluster.env(),
      ...archive.env,
      WALWARDEN_COMPRESSION: 'zstd',
      WALWARDEN_COMPRESSION_LEVEL: '19',
    },
  });
  await eventually('the begin of a backup', async () =>
    (await archive.keys('walwarden/backups/')).some(
      (key) => key.endsWith('/started.json') && !started.includes(key),
    ),
  );
  agent.kill('SIGSTOP');
  const written = await archive.keys('basebackups_005/');
  assert(!written.some((key) => key.includes('pg_control.tar.zst')), 'the copy is under way');
  await standby.cluster.promote();
  agent.kill('SIGCONT');
  const { status, stderr, events } = await agent.finished;
  assert.equal(status, 44, stderr);
  assert(events.some(({ code, hint }) => code === 'timeline-changed' && /promot/i.test(String(hint))));
  assert.deepEqual(await listedBackups(primary), known);
  // The next one, on what is a primary now, is sound.
  const next = await standby.backup();
  assert.deepEqual(await listedBackups(primary), [...known, next]);
};

export const standbySuite = (store: TestStore, ofMajors: readonly Major[] = [14, 18]): void => {
  for (const major of ofMajors) {
    test(`a standby of PostgreSQL ${major} lives from ${store.name} alone, is promoted, and archives on`, async (t) => {
      if (demandMajor(t, major)) await promoteAndGoOn(t, store, major);
    });

    test(`a base backup to ${store.name} from a standby of PostgreSQL ${major} waits for the primary's WAL and restores`, async (t) => {
      if (demandMajor(t, major)) await backUpStandby(t, store, major);
    });
  }

  test(`a standby that is promoted during its base backup leaves none in ${store.name}`, async (t) => {
    if (demandMajor(t, newestMajor)) await promoteMeanwhile(t, store);
  });

  test(`base backups of a primary that follow each other have names of their own in ${store.name}`, async (t) => {
    if (!demandMajor(t, newestMajor)) return;
    const place = await protectCluster(t, await store.open(t), { major: newestMajor });
    const names = [await place.backup(), await place.backup()];
    assert.equal(new Set(names).size, 2);
    assert.deepEqual(await listedBackups(place), names);
  });
};
