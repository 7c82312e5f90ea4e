import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { giveToClusterUser } from '../../support/cluster-user.ts';
import { demandMajor, newestMajor } from '../../support/postgres-parts.ts';
import { type ProtectedCluster, protectCluster } from '../../support/protected-cluster.ts';
import type { TestStore } from '../../support/test-archive.ts';

/** A cluster with a table and an index in each of two tablespaces, whose directories have awkward names. */
const withTablespaces = async (
  t: TestContext,
  store: TestStore,
): Promise<{ readonly place: ProtectedCluster; readonly old: readonly [string, string] }> => {
  const place = await protectCluster(t, await store.open(t), { major: newestMajor });
  const old = [join(place.directory, 'fast=disk 1'), join(place.directory, 'slow disk%p \\2')] as const;
  for (const [index, location] of old.entries()) {
    mkdirSync(location, { mode: 0o700 });
    giveToClusterUser(location);
    await place.cluster.exec(`create tablespace space${index} location '${location}'`);
    await place.cluster.exec(
      `create table t${index} tablespace space${index} as select n, md5(n::text) from generate_series(1, 500) as n;
       create index on t${index} (n) tablespace space${index}`,
    );
  }
  return { place, old };
};

/** As pg_basebackup has it: an equals sign in a directory is written with a backslash. */
const mapping = (from: string, to: string): string =>
  `--tablespace-mapping=${from.replaceAll('=', '\\=')}=${to.replaceAll('=', '\\=')}`;

const restoreBeside = async (t: TestContext, store: TestStore): Promise<void> => {
  const { place, old } = await withTablespaces(t, store);
  const { cluster } = place;
  await place.backup();
  await cluster.exec('insert into t0 values (0); insert into t1 values (0)');
  const source = await cluster.tableChecksums();
  await place.archiveAll();

  const moved = [join(place.directory, 'new 1'), join(place.directory, 'new=2')] as const;
  const copy = await place.restore('copy', 'LATEST', mapping(old[0], moved[0]), mapping(old[1], moved[1]));
  const oids = await cluster.query<{ oid: number }>(
    "select oid from pg_tablespace where spcname like 'space%' order by spcname",
  );
  const links = oids.map(({ oid }) => readlinkSync(join(copy.dataDirectory, 'pg_tblspc', String(oid))));
  assert.deepEqual(links, moved);
  const map = readFileSync(join(copy.dataDirectory, 'tablespace_map'), 'utf8');
  assert.deepEqual(
    map.trimEnd().split('\n').sort(),
    oids.map(({ oid }, index) => `${oid} ${moved[index]}`).sort(),
  );
  for (const place of moved) assert.equal(statSync(place).mode & 0o777, 0o700);

  await copy.start();
  await copy.waitFor('not pg_is_in_recovery()');
  assert.deepEqual(await copy.tableChecksums(), source);
  const locations = await copy.query<{ location: string }>(
    "select pg_tablespace_location(oid) as location from pg_tablespace where spcname like 'space%' order by spcname",
  );
  assert.deepEqual(
    locations.map(({ location }) => location),
    moved,
  );
  await copy.exec('insert into t0 values (-1)');
  assert.equal(await cluster.text('select count(*) from t0'), '501', 'the source has its own files');

  const show = await place.agent(['backup-show', '--json', 'LATEST']);
  const shown: { tablespaces: readonly { location: string }[] } = JSON.parse(show.stdout);
  assert.deepEqual(shown.tablespaces.map(({ location }) => location).sort(), [...old].sort());
};

const refuseWrongPlaces = async (t: TestContext, store: TestStore): Promise<void> => {
  const { place, old } = await withTablespaces(t, store);
  await place.backup();
  const target = join(place.directory, 'copy');
  const refused: readonly (readonly [number, readonly string[], RegExp])[] = [
    [45, [], /is not empty/],
    [45, [mapping(old[0], join(place.directory, 'new'))], /is not empty/],
    [46, [mapping('/nowhere', '/elsewhere')], /no tablespace of this backup lies at \/nowhere/],
    [46, [mapping(old[0], 'relative')], /no place for a tablespace/],
    [46, [mapping(old[0], `${target}/../new`)], /no place for a tablespace/],
    [46, [mapping(old[0], old[1])], /would share/],
    [2, ['--tablespace-mapping', '/only-one'], /OLD=NEW|only-one/],
    [2, ['--tablespace-mapping', '/a=/b=/c'], /\/a=\/b=\/c/],
    [2, [mapping(old[0], '/a'), mapping(old[0], '/b')], /twice/],
  ];
  for (const [status, options, message] of refused) {
    const result = await place.agent(['backup-fetch', ...options, target]);
    assert.equal(result.status, status, `${options.join(' ')}: ${result.stderr}`);
    assert.match(result.stderr, message);
    assert.equal(existsSync(target), false, 'nothing was made');
  }
  assert.equal(existsSync(join(place.directory, 'new')), false);
  assert.equal(await place.cluster.text('select count(*) from t1'), '500', 'the source is as it was');
};

const restoreInPlace = async (t: TestContext, store: TestStore): Promise<void> => {
  const place = await protectCluster(t, await store.open(t), {
    major: newestMajor,
    settings: { allow_in_place_tablespaces: 'on' },
  });
  await place.cluster.exec("create tablespace inside location ''");
  await place.cluster.exec(
    'create table held tablespace inside as select n from generate_series(1, 100) as n',
  );
  await place.backup();
  const source = await place.cluster.tableChecksums();
  await place.archiveAll();
  const copy = await place.restore('copy');
  assert.equal(readdirSync(join(copy.dataDirectory, 'pg_tblspc')).length, 1);
  await copy.start();
  await copy.waitFor('not pg_is_in_recovery()');
  assert.deepEqual(await copy.tableChecksums(), source);
};

export const tablespacesSuite = (store: TestStore): void => {
  test(`tablespaces are restored from ${store.name} to new places beside the running source`, async (t) => {
    if (demandMajor(t, newestMajor)) await restoreBeside(t, store);
  });

  test(`tablespaces are not restored from ${store.name} over others, nor by a wrong mapping`, async (t) => {
    if (demandMajor(t, newestMajor)) await refuseWrongPlaces(t, store);
  });

  test(`a tablespace inside of the data directory is restored from ${store.name} with it`, async (t) => {
    if (demandMajor(t, newestMajor)) await restoreInPlace(t, store);
  });
};
