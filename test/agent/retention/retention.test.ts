import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retain } from '../../../agent/retention/retention.ts';
import { metadataKey, sentinelKey } from '../../../lib/core/archive/layout.ts';
import { parseObjectKey } from '../../../lib/core/archive/object-key.ts';
import type { ObjectStore } from '../../../lib/core/ports.ts';
import { parseSystemIdentifier } from '../../../lib/core/wal/system-identifier.ts';
import { openMemoryStore } from '../../fakes/memory-store.ts';
import { foreignSystem } from '../../support/wal-files.ts';
import { archiveIn, keysOf, layBackup, laySegments, segmentName } from '../memory-archive.ts';

const oneTo = (last: number): readonly number[] => Array.from({ length: last }, (_, index) => index + 1);

/** Segments 1 to 12 of timeline 1 and three backups, at 2, 5 and 9. */
const threeBackups = async () => {
  const store = openMemoryStore();
  await laySegments(store, 1, oneTo(12));
  const names = [await layBackup(store, 1, 2), await layBackup(store, 1, 5), await layBackup(store, 1, 9)];
  return { store, names };
};

const run = (store: ObjectStore, ...words: readonly string[]) =>
  retain(archiveIn(store), { words, after: undefined }, true);

const numbersLeft = async (store: ObjectStore): Promise<readonly number[]> =>
  (await keysOf(store, 'wal_005/')).map((key) => Number.parseInt(key.slice(-8), 16));

test('a plan that is not confirmed deletes nothing', async () => {
  const { store } = await threeBackups();
  const before = await keysOf(store);
  const { deleted, plan } = await retain(
    archiveIn(store),
    { words: ['retain', '1'], after: undefined },
    false,
  );
  assert.equal(deleted, undefined);
  assert.deepEqual(
    plan.backups.map(({ verdict }) => verdict),
    ['expire', 'expire', 'keep'],
  );
  assert.deepEqual(await keysOf(store), before);
});

test('what the plan says is deleted and nothing else, and told in numbers', async () => {
  const { store, names } = await threeBackups();
  await store.create(parseObjectKey('somebody/elses.txt'), Buffer.from('mine'));
  await store.create(parseObjectKey('wal_005/00000002.history'), Buffer.from('1\t0/B00000\tbecause\n'));
  await store.create(parseObjectKey(`wal_005/${segmentName(1, 2)}.00000028.backup`), Buffer.from('old'));
  await store.create(parseObjectKey(`wal_005/${segmentName(1, 12)}.partial`), Buffer.from('new'));
  const { deleted } = await run(store, 'retain', 'FULL', '1');
  assert.deepEqual([deleted?.backups, deleted?.walFiles], [2, 9]);
  const left = await keysOf(store);
  assert.deepEqual(left.filter((key) => key.includes('base_')).length, 5);
  assert(left.every((key) => !key.includes(names[0] ?? '') && !key.includes(names[1] ?? '')));
  assert(left.includes('somebody/elses.txt') && left.includes('wal_005/00000002.history'));
  assert(left.includes(`wal_005/${segmentName(1, 12)}.partial`));
});

/** Fails at the n-th call that changes anything, as a connection that breaks does. */
const failingAt = (store: ObjectStore, position: number): ObjectStore => {
  let calls = 0;
  const count = (): void => {
    calls += 1;
    if (calls === position) throw new Error('the cable is out');
  };
  return {
    ...store,
    create: async (...args) => {
      count();
      return store.create(...args);
    },
    remove: async (...args) => {
      count();
      return store.remove(...args);
    },
  };
};

test('a deletion that was cut at any call is finished by the next run, and no half backup is ever listed', async () => {
  const whole = await threeBackups();
  await run(whole.store, 'retain', '1');
  const expected = await keysOf(whole.store);
  for (let position = 1; ; position += 1) {
    const { store } = await threeBackups();
    const isCut = await run(failingAt(store, position), 'retain', '1').then(
      () => false,
      (error: unknown) =>
        error instanceof Error && error.message === 'the cable is out' ? true : assert.fail(String(error)),
    );
    for (const key of await keysOf(store)) {
      const [, name] = /^basebackups_005\/(.*)_backup_stop_sentinel\.json$/.exec(key) ?? [];
      if (name === undefined) continue;
      const objects = await keysOf(store, `basebackups_005/${name}/`);
      assert.equal(objects.length, 3, `cut at ${position}, ${name} is whole`);
    }
    await run(store, 'retain', '1');
    assert.deepEqual(await keysOf(store), expected, `cut at call ${position}`);
    if (!isCut) break;
    assert(position < 100, 'it ends at some time');
  }
});

test('a backup that was marked permanent after the plan is not deleted, nor is anything after it', async () => {
  const { store, names } = await threeBackups();
  const [first = '', second = ''] = names;
  let isMarked = false;
  const marking: ObjectStore = {
    ...store,
    stat: async (key, options) => {
      if (key === metadataKey(second) && !isMarked) {
        isMarked = true;
        await store.replace(metadataKey(second), Buffer.from('{"is_permanent": true}'));
      }
      return store.stat(key, options);
    },
  };
  await assert.rejects(run(marking, 'retain', '1'), {
    code: 'object-changed',
    message: new RegExp(`^${metadataKey(second)} is not the object`),
  });
  const left = await keysOf(store);
  assert(!left.includes(sentinelKey(first)) && left.includes(sentinelKey(second)));
  assert.deepEqual(await numbersLeft(store), oneTo(12), 'WAL goes last');
});

test('a segment that is another one than was seen stops the deletion', async () => {
  const { store } = await threeBackups();
  const changing: ObjectStore = {
    ...store,
    remove: async (key, seen, options) =>
      key.startsWith('wal_005/') ? 'changed' : store.remove(key, seen, options),
  };
  await assert.rejects(run(changing, 'retain', '1'), { code: 'object-changed' });
});

test('what arrives after the listing is left for the next plan', async () => {
  const { store } = await threeBackups();
  let listings = 0;
  const late: ObjectStore = {
    ...store,
    list: (prefix, options) => {
      listings += prefix === 'wal_005/' && options?.delimiter === undefined ? 1 : 0;
      return (async function* () {
        if (prefix === 'wal_005/') await laySegments(store, 1, [0]);
        yield* store.list(prefix, options);
      })();
    },
  };
  await run(late, 'retain', '1');
  assert(listings > 0);
  assert.deepEqual(await numbersLeft(store), [0, 9, 10, 11, 12]);
});

test('before takes names, begins of names and times; after keeps more', async () => {
  const expired = async (words: readonly string[], after?: string) => {
    const { store } = await threeBackups();
    const { plan } = await retain(archiveIn(store), { words, after }, false);
    return plan.backups.filter(({ verdict }) => verdict === 'expire').length;
  };
  assert.equal(await expired(['before', `base_${segmentName(1, 5)}`]), 1);
  assert.equal(await expired(['before', 'FIND_FULL', 'LATEST']), 2);
  assert.equal(await expired(['before', '2024-01-01T00:05:00Z']), 1);
  assert.equal(await expired(['before', '2024-01-01 01:05:00+01']), 1);
  assert.equal(await expired(['before', '2024-01-01 00:05:01']), 2);
  assert.equal(await expired(['before', '2024-01-01']), 0);
  assert.equal(await expired(['retain', '1'], `base_${segmentName(1, 5)}`), 1);
  assert.equal(await expired(['target', 'FIND_FULL', 'LATEST']), 1);
});

test('what makes no sense is refused before anything is read into it', async () => {
  const { store } = await threeBackups();
  const refusal = (words: readonly string[], after?: string) =>
    retain(archiveIn(store), { words, after }, true).then(
      () => assert.fail(words.join(' ')),
      (error: unknown) => (error instanceof Error ? error.message : ''),
    );
  assert.match(await refusal(['retain']), /number of backups is missing/);
  assert.match(await refusal(['retain', '0']), /"0" is no number from 1 on/);
  assert.match(await refusal(['retain', '3', '4']), /no place for "4"/);
  assert.match(await refusal(['everything', 'now']), /no place for "now"/);
  assert.match(await refusal(['old-versions']), /nothing called "old-versions"/);
  assert.match(await refusal(['before', '2024-13-01']), /no time "2024-13-01"/);
  assert.match(await refusal(['before', 'base_nowhere']), /no complete base backup/);
  assert.match(await refusal(['before', 'LATEST'], '2024-01-01'), /--after belongs to/);
  assert.match(await refusal(['before', '2025-01-01']), /^nothing is deleted: no complete base backup began/);
  assert.equal((await keysOf(store)).length, 12 + 3 * 5);
});

test('everything leaves only what is not of the archive, and needs force for a permanent backup', async () => {
  const { store } = await threeBackups();
  await layBackup(store, 1, 11, { isPermanent: true });
  await store.create(parseObjectKey('somebody/elses.txt'), Buffer.from('mine'));
  await store.create(parseObjectKey('walwarden/probes/whole'), Buffer.from('probe'));
  await store.create(parseObjectKey('wal_005/00000002.history'), Buffer.from('1\t0/B00000\tbecause\n'));
  await assert.rejects(run(store, 'everything'), { code: 'retention-refused', message: /is permanent/ });
  await run(store, 'everything', 'FORCE');
  assert.deepEqual(await keysOf(store), ['somebody/elses.txt']);
});

test('a backup without a sentinel is left alone with all of its objects', async () => {
  const { store } = await threeBackups();
  const running = await layBackup(store, 1, 3, { isIncomplete: true });
  await run(store, 'retain', '1');
  assert.equal((await keysOf(store)).filter((key) => key.includes(running)).length, 3);
});

test('while a sentinel cannot be read nothing is deleted', async () => {
  const { store, names } = await threeBackups();
  store.corrupt(sentinelKey(names[1] ?? ''), () => Buffer.from('not JSON'));
  await assert.rejects(run(store, 'retain', '1'), { code: 'retention-refused', message: /is not JSON/ });
});

test('after pg_upgrade the WAL of each cluster is told apart by its headers', async () => {
  const { store, names } = await threeBackups();
  await laySegments(store, 1, [13, 14, 15, 16], foreignSystem);
  const systemIdentifier = parseSystemIdentifier(foreignSystem);
  const upgraded = await layBackup(store, 1, 14, { systemIdentifier });
  const { plan, inspection } = await run(store, 'retain', '2');
  assert.deepEqual(
    inspection.incarnations.map(({ facts }) =>
      facts.timelines.map(({ runs }) => runs.map(({ first, last }) => [first, last])),
    ),
    [[[[1, 12]]], [[[13, 16]]]],
  );
  assert.deepEqual(
    plan.backups.filter(({ verdict }) => verdict === 'keep').map(({ backup }) => backup.name),
    [names[2], upgraded],
  );
  assert.deepEqual(await numbersLeft(store), [9, 10, 11, 12, 14, 15, 16]);
});
