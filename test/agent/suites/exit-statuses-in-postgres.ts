import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Cluster } from '../../support/cluster.ts';
import { demandMajor, newestMajor, supportedMajors } from '../../support/postgres-parts.ts';
import { type ProtectedCluster, protectCluster } from '../../support/protected-cluster.ts';
import type { TestArchive, TestStore } from '../../support/test-archive.ts';
import { eventually } from '../../support/waiting.ts';

const [oldestMajor = newestMajor] = supportedMajors;

/** Failures come at once; PostgreSQL's own patience is tried elsewhere. */
const impatient = (archive: TestArchive): TestArchive => ({
  ...archive,
  env: { ...archive.env, WALWARDEN_FETCH_RETRY_SECONDS: '0', WALWARDEN_PUSH_RETRY_SECONDS: '0' },
});

const rowsOf = (cluster: Cluster): Promise<string> =>
  cluster.text("select string_agg(n::text, ',' order by n) from rows");

/** A backup, and after it one row in each of several archived segments. */
const clusterWithHistory = async (
  t: TestContext,
  store: TestStore,
  major = newestMajor,
): Promise<{ readonly place: ProtectedCluster; readonly segments: readonly string[] }> => {
  const place = await protectCluster(t, impatient(await store.open(t)), { major });
  await place.cluster.exec('create table rows (n int)');
  await place.backup();
  const segments: string[] = [];
  for (const row of [1, 2, 3, 4]) {
    await place.cluster.exec(`insert into rows values (${row})`);
    segments.push(await place.cluster.text('select pg_walfile_name(pg_current_wal_lsn())'));
    await place.archiveAll();
  }
  return { place, segments };
};

/** Starts the server and expects it to end by itself, with nothing promoted; gives what it logged meanwhile. */
const endsWithoutPromotion = async (cluster: Cluster, why: string): Promise<string> => {
  const before = cluster.log().length;
  if (!cluster.isRunning()) await cluster.start({ waitReady: false });
  const { status } = await cluster.waitExit();
  const log = cluster.log().slice(before);
  assert.notEqual(status, 0, `${why}\n${log}`);
  assertNotPromoted(cluster);
  return log;
};

const assertNotPromoted = (cluster: Cluster): void => {
  assert.doesNotMatch(cluster.log(), /archive recovery complete|selected new timeline/);
  assert(!existsSync(join(cluster.dataDirectory, 'pg_wal', '00000002.history')), 'no timeline began');
};

const recoverAll = async (cluster: Cluster): Promise<void> => {
  await cluster.start();
  await cluster.waitFor('not pg_is_in_recovery()');
  assert.equal(await rowsOf(cluster), '1,2,3,4');
};

const damages: readonly (readonly [what: string, damage: (bytes: Buffer, other: Buffer) => Buffer])[] = [
  [
    'a flipped bit',
    (bytes) => Buffer.from(bytes.map((byte, at) => (at === bytes.length >> 1 ? byte ^ 4 : byte))),
  ],
  ['a cut', (bytes) => bytes.subarray(0, bytes.length - 1)],
  ['nothing left', () => Buffer.alloc(0)],
  ['a swap', (_, other) => other],
];

const recoverThroughDamage = async (t: TestContext, store: TestStore): Promise<void> => {
  const { place, segments } = await clusterWithHistory(t, store);
  const { archive } = place;
  const key = `wal_005/${segments[2]}.lz4`;
  const [sound, other] = [await archive.read(key), await archive.read(`wal_005/${segments[1]}.lz4`)];
  const recovered = await place.restore('recovered');
  for (const [what, damage] of damages) {
    await archive.write(key, damage(sound, other));
    const log = await endsWithoutPromotion(recovered, what);
    assert.match(log, new RegExp(`could not restore file "${segments[2]}" from archive`), what);
    assert.match(log, new RegExp(key), 'the agent names the object');
  }
  await archive.write(key, sound);
  await recoverAll(recovered);
};

const recoverWithoutStore = async (t: TestContext, store: TestStore): Promise<void> => {
  const { place } = await clusterWithHistory(t, store);
  const { archive } = place;
  const recovered = await place.restore('recovered');
  const standby = await place.restore('standby', 'LATEST', '--standby');
  await archive.breakDown();
  const log = await endsWithoutPromotion(recovered, 'the store is down');
  assert.match(log, /FATAL: {2}could not restore file .* from archive: .*255/);
  await archive.heal();
  await recoverAll(recovered);

  // The same in the middle of recovery, which for a standby is always.
  await standby.start();
  await standby.waitFor('(select max(n) from rows) = 4');
  await archive.breakDown();
  await endsWithoutPromotion(standby, 'the store is down');
  await archive.heal();
  await standby.start();
  await standby.waitFor('(select max(n) from rows) = 4');
  assert.equal(await standby.text('select pg_is_in_recovery()'), 'true');
};

const archiveThroughFailure = async (
  t: TestContext,
  store: TestStore,
  major = newestMajor,
): Promise<void> => {
  const place = await protectCluster(t, impatient(await store.open(t)), { major });
  const { cluster, archive } = place;
  await place.archiveAll();
  const archiver = await archiverPid(cluster);
  const logged = cluster.log().length;
  await archive.breakDown();
  const waiting: string[] = [];
  for (const row of [1, 2, 3]) {
    await cluster.exec(`create table t${row} (n int)`);
    waiting.push(await cluster.switchWal());
  }
  // Three tries, one second apart, and then PostgreSQL waits for up to a minute (pgarch.c, NUM_ARCHIVE_RETRIES).
  await cluster.waitFor('(select failed_count >= 3 from pg_stat_archiver)');
  assert.equal(await archiverPid(cluster), archiver, 'the archiver lives');
  assert.doesNotMatch(cluster.log().slice(logged), /FATAL/);
  await archive.heal();
  // A new segment wakes the archiver.
  await place.archiveAll();
  const keys = await archive.keys('wal_005/');
  for (const name of waiting) assert(keys.includes(`wal_005/${name}.lz4`), `${name} is archived`);
  assert.equal(await archiverPid(cluster), archiver);
};

const archiverPid = (cluster: Cluster): Promise<string> =>
  eventually('an archiver', async () => {
    const pids = await cluster.query<{ pid: number }>(
      "select pid from pg_stat_activity where backend_type = 'archiver'",
    );
    return pids[0] === undefined ? undefined : String(pids[0].pid);
  });

export const exitStatusInPostgresSuite = (store: TestStore): void => {
  test(`PostgreSQL stops, and never promotes, while ${store.name} cannot be reached, and recovers everything later`, async (t) => {
    if (demandMajor(t, newestMajor)) await recoverWithoutStore(t, store);
  });

  test(`PostgreSQL stops, and never promotes, at a damaged segment in ${store.name}, and goes on when it is mended`, async (t) => {
    if (demandMajor(t, newestMajor)) await recoverThroughDamage(t, store);
  });

  for (const major of new Set([oldestMajor, newestMajor])) {
    test(`the archiver of PostgreSQL ${major} counts failures while ${store.name} is down, lives, and archives all later`, async (t) => {
      if (demandMajor(t, major)) await archiveThroughFailure(t, store, major);
    });
  }
};
