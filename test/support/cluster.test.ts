import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { adoptCluster, createCluster } from './cluster.ts';
import { giveToClusterUser } from './cluster-user.ts';
import { createManyTables, startLoad } from './load.ts';
import { endOrphans } from './orphans.ts';
import { demandMajor, newestMajor, supportedMajors } from './postgres-parts.ts';
import { isAlive } from './server-process.ts';
import { removeDirectory, temporaryDirectory } from './temporary.ts';
import { eventually } from './waiting.ts';

for (const major of supportedMajors) {
  test(`a cluster of PostgreSQL ${major} starts, archives, and leaves nothing behind`, async (t) => {
    if (!demandMajor(t, major)) return;
    const directory = temporaryDirectory(t);
    const archive = join(directory, 'archive');
    mkdirSync(archive);
    giveToClusterUser(archive);

    const begin = performance.now();
    const cluster = await createCluster({
      major,
      directory,
      walSegmentMiB: 1,
      settings: { archive_mode: 'on', archive_command: `cp "%p" '${archive}/%f'` },
    });
    const made = performance.now();
    await cluster.start();
    t.diagnostic(`initdb ${(made - begin).toFixed(0)} ms, start ${(performance.now() - made).toFixed(0)} ms`);

    assert.match(await cluster.text('show server_version'), new RegExp(`^${major}\\.`));
    assert.equal(await cluster.text('show data_checksums'), 'on');
    const segment = await cluster.switchWal();
    await eventually(`${segment} in the archive`, () => readdirSync(archive).includes(segment));

    const { host } = cluster.connectionSettings();
    await removeDirectory(directory);
    assert.equal(cluster.isRunning(), false);
    assert.equal(existsSync(directory), false);
    assert.equal(existsSync(host), false);
  });
}

test('a killed cluster starts again and keeps what was committed under load', async (t) => {
  if (!demandMajor(t, newestMajor)) return;
  const cluster = await createCluster({ major: newestMajor, hooks: t });
  await cluster.start();
  const load = await startLoad(cluster, { connections: 3 });
  await eventually('two hundred transactions', () => load.transactions() > 200);
  await cluster.kill9();
  assert.equal(cluster.isRunning(), false);
  const { transactions, lostConnections } = await load.stop();
  assert.equal(lostConnections, 3);

  await cluster.start();
  assert.match(cluster.log(), /automatic recovery|was not properly shut down/);
  const balance =
    'select sum(balance) = (select sum(amount) from load_transfers) as sound from load_accounts';
  assert.equal(await cluster.text(balance), 'true');
  t.diagnostic(`${transactions} transactions before the kill`);
});

test('table checksums see one changed value in one of many tables, and nothing in another order of rows', async (t) => {
  if (!demandMajor(t, newestMajor)) return;
  const cluster = await createCluster({ major: newestMajor, hooks: t, settings: { autovacuum: 'off' } });
  await cluster.start();
  await createManyTables(cluster, 1_200);
  await cluster.exec('create database "other one"');
  await cluster.exec(
    `create table "Mixed ' Case" as select i as r, 'text ' || i as t from generate_series(1, 500) as i;
     create unlogged table forgotten as select 1 as one; create table nothing ();`,
    'other one',
  );
  const before = await cluster.tableChecksums();
  assert.equal(before.size, 1_202);
  assert.match(before.get(`other one/public."Mixed ' Case"`) ?? '', /^500:[0-9a-f]{32}$/);

  // An update that changes no value moves the row to the end of the table.
  await cluster.exec(`update "Mixed ' Case" set t = t where r = 7`, 'other one');
  assert.deepEqual(await cluster.tableChecksums(), before);

  await cluster.exec('update many.t777 set id = 0');
  const after = await cluster.tableChecksums();
  const changed = [...after].filter(([name, checksum]) => before.get(name) !== checksum);
  assert.deepEqual(
    changed.map(([name]) => name),
    ['postgres/many.t777'],
  );
});

test('an adopted directory runs beside its source on settings of its own, and can be promoted', async (t) => {
  if (!demandMajor(t, newestMajor)) return;
  const directory = temporaryDirectory(t);
  const source = await createCluster({ major: newestMajor, directory });
  await source.start();
  await source.exec('create table kept as select 42 as answer');
  await source.stop();
  const copyDirectory = join(directory, 'copy');
  cpSync(source.dataDirectory, copyDirectory, { recursive: true });
  writeFileSync(join(copyDirectory, 'standby.signal'), '');
  await source.start();

  const copy = adoptCluster({
    major: newestMajor,
    dataDirectory: copyDirectory,
    settings: { restore_command: 'false' },
  });
  await copy.start();
  assert.equal(await copy.text('select pg_is_in_recovery()'), 'true');
  assert.deepEqual(await copy.tableChecksums(), await source.tableChecksums());
  await copy.promote();
  await copy.exec('insert into kept values (43)');
  assert.equal(await copy.text('select count(*) from kept'), '2');
  assert.equal(await source.text('select count(*) from kept'), '1');
  assert.notEqual(copy.env().PGHOST, source.env().PGHOST);
});

test('a server that cannot start says why', async (t) => {
  if (!demandMajor(t, newestMajor)) return;
  const cluster = await createCluster({ major: newestMajor, hooks: t, settings: { wal_level: 'nonsense' } });
  await assert.rejects(cluster.start(), /invalid value for parameter "wal_level": "nonsense"/);
  assert.deepEqual(await cluster.waitExit(), { status: 1, signal: null });
});

// How a stranger's process is told from the server is Linux's own.
if (process.platform === 'linux') {
  test('the server of a process that was killed is found and ended', async (t) => {
    if (!demandMajor(t, newestMajor)) return;
    const directory = temporaryDirectory(t);
    const program = `
    import { createCluster } from ${JSON.stringify(join(import.meta.dirname, 'cluster.ts'))};
    const cluster = await createCluster({ major: ${newestMajor}, directory: ${JSON.stringify(directory)} });
    await cluster.start();
    process.kill(process.pid, 'SIGKILL');`;
    const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, TMPDIR: directory },
    });
    assert.equal(signal, 'SIGKILL');
    const lockFile = join(directory, 'primary', 'postmaster.pid');
    const pid = Number.parseInt(readFileSync(lockFile, 'utf8'), 10);
    assert.equal(isAlive(pid), true);
    assert.deepEqual(endOrphans(directory), [join(directory, 'primary')]);
    await eventually('the end of the orphan', () => !isAlive(pid));
    // A lock file that names a stranger's process ends nobody.
    writeFileSync(lockFile, `${process.pid}\n`);
    assert.deepEqual(endOrphans(directory), []);
  });
}

test('a test that fails or a process that exits in the middle leaves no server and no file', async (t) => {
  if (!demandMajor(t, newestMajor)) return;
  for (const ending of [
    'process.exit(3)',
    'process.kill(process.pid, "SIGTERM"); await new Promise(() => {})',
  ]) {
    const program = `
      import { readFileSync } from 'node:fs';
      import { createCluster } from ${JSON.stringify(join(import.meta.dirname, 'cluster.ts'))};
      const cluster = await createCluster({ major: ${newestMajor} });
      await cluster.start();
      const pid = parseInt(readFileSync(cluster.dataDirectory + '/postmaster.pid', 'utf8'), 10);
      process.stdout.write([cluster.dataDirectory, cluster.env().PGHOST, pid].join("\\n"));
      setTimeout(() => {}, 60_000);
      ${ending};`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    const [dataDirectory = '', socketDirectory = '', pid = ''] = stdout.split('\n');
    assert.notEqual(dataDirectory, '', stderr);
    assert.equal(existsSync(dirname(dataDirectory)), false);
    assert.equal(existsSync(socketDirectory), false);
    // Soon: a server whose directory is gone would notice that within a minute, too.
    await eventually(`the end of server process ${pid}`, () => !isAlive(Number(pid)), { timeoutMs: 1_000 });
  }
});
