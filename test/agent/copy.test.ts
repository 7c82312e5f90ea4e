import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CopyRequest, copyArchive } from '../../agent/copy/copy.ts';
import { sentinelKey, walKey } from '../../lib/core/archive/layout.ts';
import { parseObjectKey } from '../../lib/core/archive/object-key.ts';
import type { ObjectStore } from '../../lib/core/ports.ts';
import { lsnOf } from '../../lib/core/wal/lsn.ts';
import { type MemoryStore, openMemoryStore } from '../fakes/memory-store.ts';
import { foreignSystem, ourSystem } from '../support/wal-files.ts';
import { archiveIn, keysOf, layBackup, laySegments, segmentName } from './memory-archive.ts';

const everything: CopyRequest = { backup: undefined, withHistory: true, jobs: 3 };

const copy = (from: ObjectStore, to: ObjectStore, request: Partial<CopyRequest> = {}) =>
  copyArchive(archiveIn(from), archiveIn(to), { ...everything, ...request });

const claim = (system: bigint): Buffer =>
  Buffer.from(
    `{"version":1,"incarnation":1,"system_identifier":"${system}","claimed_at":"2024-01-01T00:00:00Z","claimed_by":"host"}`,
  );

/** Segments 1 to 9 but 7, a full backup at 2, a delta on it at 4, and a full one at 8. */
const source = async () => {
  const store = openMemoryStore();
  await laySegments(store, 1, [1, 2, 3, 4, 5, 6, 8, 9]);
  await store.create(parseObjectKey('walwarden/incarnations/000001.json'), claim(ourSystem));
  await store.create(parseObjectKey('wal_005/00000002.history'), Buffer.from('1\t0/C00000\tbecause\n'));
  const full = await layBackup(store, 1, 2);
  const delta = await layBackup(store, 1, 4, {
    delta: { from: full, fullName: full, fromLsn: lsnOf(2n * 2n ** 20n + 40n), count: 1 },
  });
  return { store, full, delta, last: await layBackup(store, 1, 8) };
};

const walNumbers = async (store: ObjectStore): Promise<readonly number[]> =>
  (await keysOf(store, 'wal_005/0000000100')).map((key) => Number.parseInt(key.slice(-8), 16));

test('a backup is copied with what it stands on and the WAL that it needs', async () => {
  const { store, full, delta } = await source();
  const to = openMemoryStore();
  const copied = await copy(store, to, { backup: delta, withHistory: false });
  assert.deepEqual(copied.backups, [full, delta]);
  assert.deepEqual(await walNumbers(to), [2, 3, 4, 5]);
  const keys = await keysOf(to);
  assert(keys.includes('walwarden/incarnations/000001.json') && keys.includes('wal_005/00000002.history'));
  for (const key of keys) assert.deepEqual(to.bytesOf(key), store.bytesOf(key), key);
});

test('with history all WAL goes along up to the next hole', async () => {
  const { store, full } = await source();
  const to = openMemoryStore();
  await copy(store, to, { backup: full });
  assert.deepEqual(await walNumbers(to), [2, 3, 4, 5, 6]);
});

test('a copy that was cut anywhere never shows a backup that is not whole, and the next one finishes it', async () => {
  const { store } = await source();
  const whole = openMemoryStore();
  await copy(store, whole);
  const expected = await keysOf(whole);
  for (let position = 1; position <= expected.length; position += 1) {
    const to: MemoryStore = openMemoryStore();
    let calls = 0;
    const failing: ObjectStore = {
      ...to,
      create: async (...args) => {
        calls += 1;
        if (calls === position) throw new Error('the cable is out');
        return to.create(...args);
      },
    };
    await assert.rejects(copy(store, failing, { jobs: 1 }), /the cable is out/);
    const keys = await keysOf(to);
    for (const key of keys.filter((name) => name.endsWith('_backup_stop_sentinel.json'))) {
      const name = key.slice('basebackups_005/'.length, -'_backup_stop_sentinel.json'.length);
      assert.equal(keys.filter((other) => other.includes(`${name}/`)).length, 4);
    }
    const { present, objects } = await copy(store, to);
    assert.deepEqual(await keysOf(to), expected);
    assert.equal(present + objects, expected.length);
  }
});

test('nothing is overwritten, and the archive of another cluster is not touched', async () => {
  const { store } = await source();
  const occupied = openMemoryStore();
  await occupied.create(walKey(segmentName(1, 3), 'none'), Buffer.from('other'));
  await laySegments(occupied, 1, [1]);
  await assert.rejects(copy(store, occupied), { code: 'object-exists', message: /with 5 bytes and not 64/ });
  const foreign = openMemoryStore();
  await foreign.create(parseObjectKey('walwarden/incarnations/000001.json'), claim(foreignSystem));
  await assert.rejects(copy(store, foreign), { code: 'archive-foreign' });
  assert.equal((await keysOf(foreign)).length, 1);
  const inherited = openMemoryStore();
  await laySegments(inherited, 1, [1], foreignSystem);
  await assert.rejects(copy(store, inherited), { code: 'archive-foreign' });
  assert.deepEqual((await copy(openMemoryStore(), inherited)).backups, []);
});

test('a backup whose WAL is not all there is refused before anything is copied', async () => {
  const { store } = await source();
  const broken = await layBackup(store, 1, 6);
  const to = openMemoryStore();
  await assert.rejects(copy(store, to, { backup: broken }), { code: 'backup-wal-missing' });
  await assert.rejects(copy(store, to, { backup: 'base_nowhere' }), { code: 'backup-absent' });
  assert.deepEqual(await keysOf(to), []);
});

test('a mark of permanence on either side does not stop a copy', async () => {
  const { store, last } = await source();
  const to = openMemoryStore();
  await copy(store, to, { backup: last });
  await to.replace(
    parseObjectKey(`basebackups_005/${last}/metadata.json`),
    Buffer.from('{"is_permanent":true}'),
  );
  const { objects } = await copy(store, to, { backup: last });
  assert.equal(objects, 0);
  assert((await keysOf(to)).includes(sentinelKey(last)));
});
