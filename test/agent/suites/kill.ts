import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as pass } from 'node:timers/promises';
import { decompress } from '../../../lib/codec/codec.ts';
import { collect } from '../../../lib/codec/streams.ts';
import { parseKey } from '../../../lib/core/archive/layout.ts';
import { type AgentResult, type RunningAgent, spawnAgent } from '../../support/agent.ts';
import type { Cluster } from '../../support/cluster.ts';
import { startLoad } from '../../support/load.ts';
import { demandMajor, newestMajor } from '../../support/postgres-parts.ts';
import { type ProtectedCluster, protectCluster } from '../../support/protected-cluster.ts';
import { listedBackups } from '../../support/restored-cluster.ts';
import type { TestArchive, TestStore } from '../../support/test-archive.ts';
import { eventually } from '../../support/waiting.ts';
import { incompressible, ourSystem, pageBytes, walPlace, walSegment } from '../../support/wal-files.ts';

const segment = '000000010000000000000001';
/** At how many moments of its run a command is killed. */
type Moments = { readonly ofPush: number; readonly ofBackup: number };
const everyMoment: Moments = { ofPush: 32, ofBackup: 26 };

/** Moments from a little after the start of a run to a little after its end. */
const momentsOf = (runMs: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => ((index + 1) / (count - 1)) * runMs * 1.1);

const timed = async (run: () => Promise<AgentResult>): Promise<number> => {
  const begin = performance.now();
  const { status, stderr } = await run();
  assert.equal(status, 0, stderr);
  return performance.now() - begin;
};

/** Decodes what lies in the archive by itself, as any other reader would. */
const plainContent = async (archive: TestArchive, key: string): Promise<Buffer> => {
  const object = parseKey(key);
  assert(object.kind === 'wal', `${key} is a WAL file`);
  const bytes = await archive.read(key);
  return collect(
    decompress(object.codec)(
      (async function* () {
        yield bytes;
      })(),
    ),
  );
};

const killPushes = async (t: TestContext, store: TestStore, moments: number): Promise<void> => {
  const archive = await store.open(t);
  const place = walPlace(t, archive, ourSystem);
  const content = walSegment({ name: segment, segmentMiB: 16 });
  const path = place.lay(segment, content);
  const key = `wal_005/${segment}.lz4`;
  await place.agent(['wal-push', path]);
  await archive.remove(key);
  const runMs = await timed(() => place.agent(['wal-push', path]));
  const seen = { absent: 0, whole: 0, acknowledged: 0 };
  const killAfter = async (afterMs: number): Promise<void> => {
    await archive.remove(key);
    const agent = spawnAgent(['wal-push', path], { env: archive.env });
    await pass(afterMs);
    agent.kill('SIGKILL');
    const { status } = await agent.finished;
    const isThere = (await archive.keys('wal_005/0')).length > 0;
    if (status === 0) seen.acknowledged += 1;
    assert(isThere || status !== 0, `what was acknowledged after ${afterMs} ms is there`);
    const fetched = await place.fetch(segment);
    assert.equal(fetched.status, isThere ? 0 : 1, fetched.stderr);
    if (isThere) assert(content.equals(await place.fetched(segment)), `whole after ${afterMs} ms`);
    seen[isThere ? 'whole' : 'absent'] += 1;
    // PostgreSQL asks again for whatever was not acknowledged.
    const next = await place.agent(['wal-push', path]);
    assert.equal(next.status, 0, next.stderr);
    assert(content.equals(await plainContent(archive, key)), `the next run completes after ${afterMs} ms`);
  };
  for (const afterMs of momentsOf(runMs, moments)) await killAfter(afterMs);
  // A machine that is busier now than when the run was timed puts all moments before the publication; one that is
  // quieter, behind it.
  for (let more = 1; seen.whole === 0 && more <= furtherMoments; more += 1) {
    await killAfter(runMs * (1.1 + more / 4));
  }
  for (let more = 1; seen.absent === 0 && more <= furtherMoments; more += 1) {
    await killAfter(runMs / (moments * more));
  }
  t.diagnostic(`${JSON.stringify(seen)} of ${moments} moments in ${runMs.toFixed(0)} ms`);
  assert(seen.absent > 0 && seen.whole > 0, 'the moments reached both sides of the publication');
};

const furtherMoments = 16;
const pushesInALife = 12;

/** Node can wait for itself for ever at its exit; only the launcher keeps it from that, and only many runs show it. */
const pushManyTimes = async (t: TestContext, store: TestStore): Promise<void> => {
  const archive = await store.open(t);
  const place = walPlace(t, archive, ourSystem);
  const pushAll = async (name: string): Promise<void> => {
    const content = walSegment({ name, segmentMiB: 16 });
    // What compresses well keeps the compiler busiest.
    for (let at = 0; at < content.length; at += pageBytes) content.fill(0, at + 1000, at + pageBytes);
    const path = place.lay(name, content);
    for (let run = 0; run < pushesInALife; run += 1) {
      const agent = spawnAgent(['wal-push', path], { env: archive.env });
      const deadline = setTimeout(() => agent.kill('SIGKILL'), 60_000);
      const { status, stderr } = await agent.finished;
      clearTimeout(deadline);
      assert.equal(status, 0, `${status === null ? 'it did not end' : ''}\n${stderr}`);
      await archive.remove(`wal_005/${name}.lz4`);
    }
  };
  await Promise.all([1, 2, 3, 4].map((number) => pushAll(`${segment.slice(0, -1)}${number}`)));
};

const smallParts = { WALWARDEN_PART_BYTES: '1MiB' };

const loadedCluster = async (t: TestContext, store: TestStore): Promise<ProtectedCluster> => {
  const place = await protectCluster(t, await store.open(t), { major: newestMajor, walSegmentMiB: 16 });
  await place.cluster.exec('create table noise (n int primary key, bytes bytea)');
  await place.cluster.query('insert into noise select n, $1 from generate_series(1, 12) n', [
    incompressible(900_000),
  ]);
  return place;
};

/** Restores a backup, recovers it to its end and reads every row of every table. */
const assertRestorable = async (place: ProtectedCluster, name: string): Promise<void> => {
  const copy = await place.restore(`of-${name}`, name, '--target-immediate', '--target-action', 'promote');
  await copy.start();
  await copy.waitFor('not pg_is_in_recovery()');
  const checksums = await copy.tableChecksums();
  assert(checksums.get('postgres/public.noise')?.startsWith('12:'), `${name} holds its rows`);
  await copy.dispose();
};

const spawnBackup = (place: ProtectedCluster, env: Readonly<Record<string, string>> = {}): RunningAgent =>
  spawnAgent(['backup-push'], {
    env: { ...place.cluster.env(), ...place.archive.env, ...smallParts, ...env },
  });

const killBackups = async (t: TestContext, store: TestStore, moments: number): Promise<void> => {
  const place = await loadedCluster(t, store);
  const load = await startLoad(place.cluster, { connections: 1, pauseMs: 20 });
  // The quicker of two: the wait for the archiver is no part of the work, and backups that are whole show nothing new.
  const runMs = Math.min(
    await timed(() => spawnBackup(place).finished),
    await timed(() => spawnBackup(place).finished),
  );
  const sound = await listedBackups(place);
  const listed = new Set(sound);
  for (const afterMs of momentsOf(runMs, moments)) {
    const agent = spawnBackup(place);
    await pass(afterMs);
    agent.kill('SIGKILL');
    const { status, stdout } = await agent.finished;
    const now = (await place.archive.keys('basebackups_005/')).flatMap(
      (key) => /\/(\w+)_backup_stop_sentinel\.json$/.exec(key)?.[1] ?? [],
    );
    for (const name of now) listed.add(name);
    if (status === 0) assert(now.includes(stdout.trim()), 'what was acknowledged is listed');
  }
  assert(listed.size < sound.length + moments, 'some were killed before they were whole');
  await eventually('the end of the sessions', async () => (await sessionsOf(place.cluster)).length === 0);
  listed.add(await place.backup());
  await load.stop();
  await place.archiveAll();
  const names = await listedBackups(place);
  assert.deepEqual(new Set(names), listed, 'backup-list shows those with a sentinel');
  t.diagnostic(`${names.length} whole of ${moments + sound.length + 1}, ${runMs.toFixed(0)} ms each`);
  // Those of the kills lie between the first two and the last.
  for (const name of names.slice(1)) await assertRestorable(place, name);
};

const sessionsOf = (cluster: Cluster): Promise<readonly { readonly pid: number }[]> =>
  cluster.query<{ pid: number }>("select pid from pg_stat_activity where application_name = 'walwarden'");

/** Holds a backup in the middle of the copy, lets `disturb` happen, and gives what became of it. */
const disturbed = async (
  place: ProtectedCluster,
  disturb: (agent: RunningAgent) => Promise<void> | void,
): Promise<AgentResult> => {
  const before = await place.archive.keys('basebackups_005/');
  // Slow, so that it can be met in the middle.
  const agent = spawnBackup(place, { WALWARDEN_COMPRESSION: 'zstd', WALWARDEN_COMPRESSION_LEVEL: '19' });
  const fresh = async (part: string): Promise<boolean> =>
    (await place.archive.keys('basebackups_005/')).some(
      (key) => key.endsWith(`/${part}.tar.zst`) && !before.includes(key),
    );
  await eventually('a part of a backup', () => fresh('part_002'));
  agent.kill('SIGSTOP');
  assert(!(await fresh('pg_control')), 'the copy is under way');
  await disturb(agent);
  agent.kill('SIGCONT');
  return agent.finished;
};

const disturbBackups = async (t: TestContext, store: TestStore): Promise<void> => {
  const place = await loadedCluster(t, store);
  const known = [await place.backup()];
  const stillKnown = async (): Promise<void> => assert.deepEqual(await listedBackups(place), known);

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const { status, stderr } = await disturbed(place, (agent) => {
      agent.kill(signal);
    });
    assert.equal(status, 5, stderr);
    assert.deepEqual(await sessionsOf(place.cluster), [], 'no session is left that is in a backup');
    await stillKnown();
  }
  const cut = await disturbed(place, async () => {
    for (const { pid } of await sessionsOf(place.cluster)) {
      await place.cluster.query('select pg_terminate_backend($1, 10000)', [pid]);
    }
  });
  assert.equal(cut.status, 50, cut.stderr);
  await stillKnown();

  const crashed = await disturbed(place, () => place.cluster.kill9());
  assert.equal(crashed.status, 50, crashed.stderr);
  await stillKnown();
  await place.cluster.start();
  known.push(await place.backup());
  await stillKnown();
  await place.archiveAll();
  await assertRestorable(place, 'LATEST');
};

export const killSuite = (store: TestStore, moments: Moments = everyMoment): void => {
  test(`a wal-push to ${store.name} ends when its work is done, however often it is called`, (t) =>
    pushManyTimes(t, store));

  test(`a wal-push killed at any moment leaves its file in ${store.name} whole or not at all, and the next one completes`, (t) =>
    killPushes(t, store, moments.ofPush));

  test(`a backup-push killed at any moment leaves in ${store.name} a backup that restores or none, and the next one completes`, async (t) => {
    if (demandMajor(t, newestMajor)) await killBackups(t, store, moments.ofBackup);
  });

  test(`a backup-push that is interrupted, or loses its session or server, leaves no backup in ${store.name} and no session`, async (t) => {
    if (demandMajor(t, newestMajor)) await disturbBackups(t, store);
  });
};
