import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cluster } from '../../support/cluster.ts';
import { startLoad } from '../../support/load.ts';
import { demandMajor, type Major, supportedMajors } from '../../support/postgres-parts.ts';
import { type ProtectedCluster, protectCluster } from '../../support/protected-cluster.ts';
import type { TestStore } from '../../support/test-archive.ts';

/** Moments in a table's life, each with the rows that it had. */
type Moment = { readonly rows: string; readonly lsn: string; readonly xid: string; readonly time: string };

const rowsOf = (cluster: Cluster): Promise<string> =>
  cluster.text("select string_agg(n::text, ',' order by n) from moments");

/** Writes one more row in a transaction of its own and says where that ended. */
const write = async (cluster: Cluster, row: number): Promise<Moment> => {
  const xid = await cluster.text(
    `with written as (insert into moments values (${row}) returning 1)
     select pg_current_xact_id()::text from written`,
  );
  const lsn = await cluster.currentLsn();
  const time = await cluster.text(
    `select to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
  );
  return { rows: await rowsOf(cluster), lsn, xid, time };
};

const recoverTo = async (
  place: ProtectedCluster,
  name: string,
  ...options: readonly string[]
): Promise<Cluster> => {
  const recovered = await place.restore(name, 'LATEST', ...options, '--target-action', 'promote');
  await recovered.start();
  await recovered.waitFor('not pg_is_in_recovery()');
  return recovered;
};

const recoverEverywhere = async (place: ProtectedCluster): Promise<void> => {
  const { cluster } = place;
  await cluster.exec('create table moments (n int)');
  await write(cluster, 1);
  await place.backup();
  const atStop = await rowsOf(cluster);
  const second = await write(cluster, 2);
  await write(cluster, 3);
  const named = await rowsOf(cluster);
  await cluster.exec("select pg_create_restore_point('before the release')");
  const fourth = await write(cluster, 4);
  await cluster.exec('drop table moments');
  await place.archiveAll();

  const targets: readonly (readonly [string, readonly string[], string])[] = [
    ['time', ['--target-time', fourth.time], fourth.rows],
    ['lsn', ['--target-lsn', second.lsn], second.rows],
    ['xid', ['--target-xid', fourth.xid], fourth.rows],
    ['excluded-xid', ['--target-xid', fourth.xid, '--target-exclusive'], named],
    ['name', ['--target-name', 'before the release'], named],
    ['immediate', ['--target-immediate'], atStop],
  ];
  for (const [name, options, rows] of targets) {
    const recovered = await recoverTo(place, name, ...options);
    assert.equal(await rowsOf(recovered), rows, `recovered by ${name}`);
    await recovered.dispose();
  }
  const end = await place.restore('end');
  await end.start();
  await end.waitFor('not pg_is_in_recovery()');
  assert.equal(await end.text("select to_regclass('moments')::text is null"), 'true', 'the end has the drop');
};

export const recoverySuite = (store: TestStore, ofMajors: readonly Major[] = supportedMajors): void => {
  for (const major of ofMajors) {
    test(`PostgreSQL ${major} recovers from ${store.name} by time, LSN, xid, name, at once and to the end`, async (t) => {
      if (!demandMajor(t, major)) return;
      const place = await protectCluster(t, await store.open(t), { major });
      await recoverEverywhere(place);
    });
  }

  test(`a cluster restored from ${store.name} under write load equals its source row by row`, async (t) => {
    const place = await protectCluster(t, await store.open(t), { major: 17 });
    const load = await startLoad(place.cluster);
    await place.backup();
    await load.stop();
    const source = await place.cluster.tableChecksums();
    await place.archiveAll();
    const recovered = await place.restore('copy');
    await recovered.start();
    await recovered.waitFor('not pg_is_in_recovery()');
    assert.deepEqual(await recovered.tableChecksums(), source);
    assert(source.size >= 3, 'there was something to compare');
  });
};
