import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runAgent } from '../../support/agent.ts';
import { adoptCluster, type Cluster } from '../../support/cluster.ts';
import { giveToClusterUser } from '../../support/cluster-user.ts';
import { demandMajor, newestMajor } from '../../support/postgres-parts.ts';
import { type ProtectedCluster, protectCluster } from '../../support/protected-cluster.ts';
import { listedBackups, restoreProtected } from '../../support/restored-cluster.ts';
import type { TestStore } from '../../support/test-archive.ts';

type Facts = Readonly<Record<string, unknown>>;

const shown = async (place: ProtectedCluster, name: string): Promise<Facts> => {
  const { status, stdout, stderr } = await place.agent(['backup-show', '--json', name]);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
};

const open = async (
  t: TestContext,
  store: TestStore,
  settings: Readonly<Record<string, string>> = {},
): Promise<ProtectedCluster> => protectCluster(t, await store.open(t), { major: newestMajor, settings });

const metadataKey = (name: string): string => `basebackups_005/${name}/metadata.json`;

/** Rewrites an object with its own bytes, so that the store knows it as the youngest. */
const touch = async ({ archive }: ProtectedCluster, prefix: string): Promise<void> => {
  for (const key of await archive.keys(prefix)) await archive.write(key, await archive.read(key));
};

const listAndShow = async (t: TestContext, store: TestStore): Promise<void> => {
  const place = await open(t, store);
  const empty = await place.agent(['backup-fetch', join(place.directory, 'none'), 'LATEST']);
  assert.equal(empty.status, 40, empty.stderr);
  assert.deepEqual(await listedBackups(place), []);
  const first = await place.backup('--add-user-data', '{"release": 7}');
  const second = await place.backup('--permanent');
  await touch(place, `basebackups_005/${first}`);
  await touch(place, `walwarden/backups/${first}`);

  assert.deepEqual(await listedBackups(place), [first, second], 'oldest first, whatever was written last');
  const latest = await shown(place, 'LATEST');
  assert.equal(latest.name, second);
  assert.equal(latest.is_permanent, true);
  assert.equal(latest.pg_version, Number(await place.cluster.text('show server_version_num')));
  assert.equal(latest.timeline, 1);
  assert.equal(latest.backup_from, 'primary');
  assert.deepEqual((await shown(place, first)).user_data, { release: 7 });

  const table = (await place.agent(['backup-list'])).stdout.trimEnd().split('\n');
  assert.match(table[0] ?? '', /^name +started +took +start LSN +stop LSN +data +stored +marks/);
  assert.deepEqual(
    table.slice(1).map((line) => line.split(' ')[0]),
    [first, second],
  );
  assert.match(table[2] ?? '', /permanent$/);
  const text = await place.agent(['backup-show', first]);
  assert.match(text.stdout, new RegExp(`^name +${first}$`, 'm'));
  assert.match(text.stdout, /^is permanent +false$/m);
};

const findByName = async (t: TestContext, store: TestStore): Promise<void> => {
  const place = await open(t, store);
  const first = await place.backup();
  const second = await place.backup();
  const common = [...first].findIndex((letter, index) => second[index] !== letter);
  assert.equal((await shown(place, second.slice(0, common + 1))).name, second, 'the begin that only it has');
  for (const [name, message] of [
    [first.slice(0, common), /fits 2 base backups/],
    ['base_0000000F', /no complete base backup/],
    ['', /no complete base backup/],
  ] as const) {
    for (const command of [
      ['backup-show', name],
      ['backup-mark', '--permanent', name],
      ['backup-fetch', join(place.directory, 'none'), name],
    ]) {
      const { status, stderr } = await place.agent(command);
      assert.equal(status, 40, stderr);
      assert.match(stderr, message);
    }
  }
  assert.equal(existsSync(join(place.directory, 'none')), false);
};

const mark = async (t: TestContext, store: TestStore): Promise<void> => {
  const place = await open(t, store);
  const { archive } = place;
  const name = await place.backup();
  const before: Facts = JSON.parse((await archive.read(metadataKey(name))).toString());
  const unknown = '{"of_a_later_version":[18446744073709551615],';
  await archive.write(
    metadataKey(name),
    Buffer.from((await archive.read(metadataKey(name))).toString().replace('{', unknown)),
  );
  for (const [option, isPermanent] of [
    ['--permanent', true],
    ['--permanent', true],
    ['--impermanent', false],
  ] as const) {
    const { status, stderr } = await place.agent(['backup-mark', option, 'LATEST']);
    assert.equal(status, 0, stderr);
    const text = (await archive.read(metadataKey(name))).toString();
    const { of_a_later_version, ...after }: Facts = JSON.parse(text);
    assert.match(text, /18446744073709551615/, 'to the last digit');
    assert.deepEqual(after, { ...before, is_permanent: isPermanent });
    assert.equal((await shown(place, name)).is_permanent, isPermanent);
  }
  for (const options of [['--permanent', '--impermanent']]) {
    assert.equal((await place.agent(['backup-mark', ...options, name])).status, 2);
  }
};

const refuseTarget = async (t: TestContext, store: TestStore): Promise<void> => {
  const place = await open(t, store);
  await place.backup();
  const directory = join(place.directory, 'taken');
  mkdirSync(directory, { mode: 0o755 });
  giveToClusterUser(directory);
  writeFileSync(join(directory, 'precious'), 'mine');
  for (const target of [directory, place.cluster.dataDirectory, join(directory, 'precious')]) {
    const { status, events } = await place.agent(['backup-fetch', target]);
    assert.equal(status, 45, target);
    assert(events.some(({ code, hint }) => code === 'target-not-empty' && hint !== undefined));
  }
  assert.deepEqual(readdirSync(directory), ['precious']);
  assert.equal(readFileSync(join(directory, 'precious'), 'utf8'), 'mine');
  assert.equal(await place.cluster.text('select 1'), '1');
};

const autoConfOf = (dataDirectory: string): string =>
  readFileSync(join(dataDirectory, 'postgresql.auto.conf'), 'utf8');

const chooseRecovery = async (t: TestContext, store: TestStore): Promise<void> => {
  const place = await open(t, store);
  await place.cluster.exec("alter system set work_mem = '5MB'");
  await place.backup();
  const own = await place.restore('own', 'LATEST', '--restore-command', `cp '/else where/%f' "%p"`);
  assert.match(autoConfOf(own.dataDirectory), /^restore_command = 'cp ''\/else where\/%f'' "%p"'$/m);
  assert.match(autoConfOf(own.dataDirectory), /^work_mem = '5MB'$/m);
  assert(existsSync(join(own.dataDirectory, 'recovery.signal')));

  const bare = await place.restore('bare', 'LATEST', '--no-recovery-settings');
  assert.doesNotMatch(autoConfOf(bare.dataDirectory), /restore_command|recovery_target/);
  const names = readdirSync(bare.dataDirectory);
  assert(names.includes('backup_label'));
  assert(!names.includes('recovery.signal') && !names.includes('standby.signal'));

  const standby = await place.restore('standby', 'LATEST', '--standby');
  const signals = readdirSync(standby.dataDirectory).filter((name) => name.endsWith('.signal'));
  assert.deepEqual(signals, ['standby.signal']);
};

const recovered = async (cluster: Cluster): Promise<Cluster> => {
  await cluster.start();
  await cluster.waitFor('not pg_is_in_recovery()', 60_000);
  return cluster;
};

const recoverTheRecovered = async (t: TestContext, store: TestStore): Promise<void> => {
  const place = await open(t, store);
  await place.cluster.exec('create table rows (n int)');
  await place.backup();
  await place.cluster.exec('insert into rows values (1)');
  await place.cluster.exec("select pg_create_restore_point('one')");
  await place.cluster.exec('insert into rows values (2)');
  await place.archiveAll();
  const second = await restoreProtected(t, place, 'second', {
    options: ['--target-name', 'one', '--target-action', 'promote', '--target-timeline', '1'],
  });
  await recovered(second.cluster);
  assert.match(autoConfOf(second.cluster.dataDirectory), /recovery_target_name = 'one'/);
  const backup = await second.backup();
  await second.cluster.exec('insert into rows values (3)');
  const lsn = await second.cluster.currentLsn();
  await second.cluster.exec('insert into rows values (4)');
  await second.archiveAll();
  for (const [name, options, rows] of [
    ['at-lsn', ['--target-lsn', lsn, '--target-action', 'promote'], '1,3'],
    ['at-end', [], '1,3,4'],
  ] as const) {
    const third = await place.restore(name, backup, ...options);
    assert.doesNotMatch(autoConfOf(third.dataDirectory), /recovery_target_(name|timeline)/);
    await recovered(third);
    assert.equal(await third.text("select string_agg(n::text, ',' order by n) from rows"), rows);
    await third.dispose();
  }
};

/** A quote for the shell, a space for the line, a percent sign for PostgreSQL's placeholders. */
const awkward = "it's 100 %p & $HOME";

const recoverWithSettingsDirectory = async (t: TestContext, store: TestStore): Promise<void> => {
  const place = await open(t, store);
  await place.backup();
  await place.cluster.exec('create table late as select 7 as n');
  await place.archiveAll();
  const settings = join(place.directory, awkward, 'settings');
  mkdirSync(settings, { recursive: true });
  for (const [name, value] of Object.entries(place.archive.env)) {
    writeFileSync(join(settings, name), `${value}\n`);
  }
  giveToClusterUser(join(place.directory, awkward));
  const dataDirectory = join(place.directory, awkward, 'data');
  const { status, stderr } = await runAgent(['--env-dir', settings, 'backup-fetch', dataDirectory]);
  assert.equal(status, 0, stderr);
  assert.match(
    autoConfOf(dataDirectory),
    /^restore_command = .*--env-dir .*settings.* wal-fetch "%f" "%p"'$/m,
  );
  assert.doesNotMatch(autoConfOf(dataDirectory), /WALWARDEN_/);
  // Nothing in its environment says where the archive is.
  const copy = adoptCluster({
    major: place.cluster.major,
    dataDirectory,
    hooks: t,
    settings: { archive_mode: 'off' },
  });
  await recovered(copy);
  assert.equal(await copy.text('select n from late'), '7');
};

const recoverAtAwkwardPlace = async (t: TestContext, store: TestStore): Promise<void> => {
  const place = await open(t, store);
  await place.backup();
  await place.cluster.exec('create table late as select 7 as n');
  await place.archiveAll();
  const copy = await recovered(await place.restore(awkward));
  assert.equal(await copy.text('select n from late'), '7');
};

const refuseWithoutArchiving = async (t: TestContext, store: TestStore): Promise<void> => {
  const place = await open(t, store, { archive_mode: 'off' });
  const { status, events } = await place.agent(['backup-push']);
  assert.equal(status, 52);
  assert(
    events.some(
      ({ code, hint }) => code === 'postgres-misconfigured' && /archive_mode = on/.test(String(hint)),
    ),
  );
  assert.deepEqual(await place.archive.keys(), [], 'nothing was written');
};

export const backupsSuite = (store: TestStore): void => {
  const tests: readonly (readonly [string, (t: TestContext, store: TestStore) => Promise<void>])[] = [
    [`base backups in ${store.name} are listed and shown by when they began`, listAndShow],
    [`a base backup in ${store.name} is found by a begin of its name that no other has`, findByName],
    [`marking a base backup in ${store.name} changes that mark and nothing else`, mark],
    [
      `a restore from ${store.name} refuses a directory that holds something, and leaves it alone`,
      refuseTarget,
    ],
    [`a restore from ${store.name} takes another restore_command, or leaves recovery alone`, chooseRecovery],
    [
      `a cluster that was recovered itself is recovered from ${store.name} to another target`,
      recoverTheRecovered,
    ],
    [`a restore from ${store.name} by a settings directory recovers by it`, recoverWithSettingsDirectory],
    [`a cluster in a directory with an awkward name recovers from ${store.name}`, recoverAtAwkwardPlace],
    [`a cluster that archives nothing is not backed up to ${store.name}`, refuseWithoutArchiving],
  ];
  for (const [name, run] of tests) {
    test(name, async (t) => {
      if (demandMajor(t, newestMajor)) await run(t, store);
    });
  }
};
