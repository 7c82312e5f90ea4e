import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { demandMajor, newestMajor } from '../../support/postgres-parts.ts';
import { protectCluster } from '../../support/protected-cluster.ts';
import { listedBackups } from '../../support/restored-cluster.ts';
import type { TestArchive, TestStore } from '../../support/test-archive.ts';
import { eventually } from '../../support/waiting.ts';
import {
  archiveContent,
  foreignSystem,
  incompressible,
  ourSystem,
  walPlace,
  walSegment,
} from '../../support/wal-files.ts';

const first = '000000010000000000000001';
const second = '000000010000000000000002';
const claimKey = (number: number): string => `walwarden/incarnations/00000${number}.json`;

/** As text, because a system identifier has more digits than a JavaScript number keeps. */
const ownerOf = async (archive: TestArchive, incarnation = 1): Promise<string | undefined> =>
  /"system_identifier": "?(\d+)/.exec((await archive.read(claimKey(incarnation))).toString())?.[1];

const raceRounds = 6;

const raceForClaim = async (t: TestContext, store: TestStore): Promise<void> => {
  const winners = new Map<string, number>();
  for (let round = 0; round < raceRounds; round += 1) {
    const archive = await store.open(t);
    const racers = [ourSystem, foreignSystem].map((system) => ({
      system,
      place: walPlace(t, archive, system),
    }));
    const results = await Promise.all(
      racers.map(({ system, place }) => place.push(first, walSegment({ name: first, system }))),
    );
    assert.deepEqual(results.map(({ status }) => status).sort(), [0, 23], 'exactly one wins');
    const winner = racers[results.findIndex(({ status }) => status === 0)];
    assert(winner !== undefined, 'somebody won');
    assert.equal(await ownerOf(archive), String(winner.system));
    assert.deepEqual(await archive.keys(), [`wal_005/${first}.lz4`, claimKey(1)], 'the loser left nothing');
    assert(walSegment({ name: first, system: winner.system }).equals(await winner.place.fetched(first)));
    winners.set(String(winner.system), (winners.get(String(winner.system)) ?? 0) + 1);
  }
  t.diagnostic(`wins: ${[...winners.values()].join(' and ')}`);
};

const inheritArchive = async (t: TestContext, store: TestStore): Promise<void> => {
  const archive = await store.open(t);
  assert.equal((await walPlace(t, archive).push(first, walSegment({ name: first }))).status, 0);
  const place = walPlace(t, archive);
  // What another program left: WAL, and nothing that says whose.
  await archive.remove(claimKey(1));
  await place.forget();
  const before = await archiveContent(archive);
  const foreign = await place.push(second, walSegment({ name: second, system: foreignSystem }));
  assert.equal(foreign.status, 23, foreign.stderr);
  assert.deepEqual(await archiveContent(archive), before, 'no claim either');
  assert.equal((await place.push(second, walSegment({ name: second }))).status, 0);
  assert.equal(await ownerOf(archive), String(ourSystem));
};

const changeOwner = async (t: TestContext, store: TestStore): Promise<void> => {
  const archive = await store.open(t);
  const old = await protectCluster(t, archive, { major: newestMajor });
  const oldBackup = await old.backup();
  const systemOf = (place: typeof old): Promise<string> =>
    place.cluster.text('select system_identifier::text from pg_control_system()');
  const [oldSystem, oldSegment] = [
    await systemOf(old),
    await old.cluster.text('select pg_walfile_name(pg_current_wal_lsn())'),
  ];
  assert.equal(await ownerOf(archive), oldSystem, 'the first push claimed the archive');
  await old.cluster.stop();

  // Larger segments have other numbers, so that no name is met twice, as after pg_upgrade, which goes on counting.
  const upgraded = await protectCluster(t, archive, { major: newestMajor, walSegmentMiB: 16 });
  await upgraded.cluster.switchWal();
  await eventually('a refusal', () => /archive-foreign/.test(upgraded.cluster.log()));
  const before = await archiveContent(archive);
  const refused = await upgraded.agent(['backup-push']);
  assert.equal(refused.status, 23, refused.stderr);
  assert.match(refused.stderr, /claim --after-upgrade/);
  assert.deepEqual(
    await archiveContent(archive),
    before,
    'neither WAL nor backup of the other cluster came in',
  );
  assert.deepEqual(await listedBackups(upgraded), [oldBackup]);
  assert.equal((await upgraded.agent(['claim', upgraded.cluster.dataDirectory])).status, 2);

  const claims = [0, 1].map(() =>
    upgraded.agent(['claim', '--after-upgrade', upgraded.cluster.dataDirectory]),
  );
  for (const { status, stdout, stderr } of await Promise.all(claims)) {
    assert.equal(status, 0, stderr);
    assert.match(stdout, new RegExp(`incarnation 2 .*${await systemOf(upgraded)}`));
  }
  assert.deepEqual(await archive.keys('walwarden/incarnations/'), [claimKey(1), claimKey(2)]);
  assert.equal(await ownerOf(archive, 2), await systemOf(upgraded));

  await upgraded.cluster.exec('create table rows as select 1 as n');
  const newBackup = await upgraded.backup();
  await upgraded.archiveAll();
  assert.deepEqual(await listedBackups(upgraded), [oldBackup, newBackup]);
  const copy = await upgraded.restore('copy');
  await copy.start();
  await copy.waitFor('not pg_is_in_recovery()');
  assert.equal(await copy.text('select n::text from rows'), '1');

  const late = await old.agent(['wal-push', join(old.cluster.dataDirectory, 'pg_wal', oldSegment)]);
  assert.equal(late.status, 23, `the cluster of incarnation 1 is a stranger now\n${late.stderr}`);
  assert.equal(await ownerOf(archive), oldSystem, 'incarnation 1 is what it was');
};

export const identitySuite = (store: TestStore): void => {
  test(`the first file of a cluster claims ${store.name} for it, once and for all`, async (t) => {
    const archive = await store.open(t);
    const place = walPlace(t, archive, ourSystem);
    assert.equal((await place.push('00000002.history', Buffer.from('1\t0/2000100\tno reason\n'))).status, 0);
    assert.equal(await ownerOf(archive), String(ourSystem));
    const claim = await archive.read(claimKey(1));
    assert.equal((await place.push(first, walSegment({ name: first }))).status, 0);
    assert(claim.equals(await archive.read(claimKey(1))), 'the claim was not written again');
  });

  test(`of two clusters that push to an empty archive in ${store.name} at once exactly one has it`, (t) =>
    raceForClaim(t, store));

  test(`an archive in ${store.name} that another program left is claimed only by the cluster whose WAL it holds`, (t) =>
    inheritArchive(t, store));

  test(`a damaged claim in ${store.name} lets nobody in`, async (t) => {
    const archive = await store.open(t);
    const place = walPlace(t, archive);
    assert.equal((await place.push(first, walSegment({ name: first }))).status, 0);
    for (const damaged of [
      Buffer.alloc(0),
      incompressible(200),
      Buffer.from('{}'),
      Buffer.from('{"incarnation": 1'),
    ]) {
      await archive.write(claimKey(1), damaged);
      await place.forget();
      const refused = await place.push(second, walSegment({ name: second }));
      assert.equal(refused.status, 24, refused.stderr);
      assert(refused.stderr.includes(claimKey(1)), 'the document is named');
    }
    assert.deepEqual(await archive.keys('wal_005/'), [`wal_005/${first}.lz4`]);
  });

  test(`a foreign cluster is refused by ${store.name}, and continues it once it was claimed after an upgrade`, async (t) => {
    if (demandMajor(t, newestMajor)) await changeOwner(t, store);
  });
};
