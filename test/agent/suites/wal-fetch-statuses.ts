import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pass } from 'node:timers/promises';
import { spawnAgent } from '../../support/agent.ts';
import type { TestStore } from '../../support/test-archive.ts';
import { walPlace, walSegment } from '../../support/wal-files.ts';

const first = '000000010000000000000001';
const second = '000000010000000000000002';

/** What wal-fetch answers, and what wal-push does when SIGTERM meets them both. */
export const walFetchStatusSuite = (store: TestStore): void => {
  test(`wal-fetch ends with 1 for what ${store.name} provably has not, and touches nothing`, async (t) => {
    const place = walPlace(t, await store.open(t));
    assert.equal((await place.push(first, walSegment({ name: first }))).status, 0);
    for (const name of [second, `${first}.partial`, '00000002.history', `${first}.00000028.backup`]) {
      const absent = await place.fetch(name);
      assert.equal(absent.status, 1, absent.stderr);
    }
    assert.deepEqual(await place.files(), []);
  });

  test(`wal-fetch ends with 255 for everything that is neither there nor provably absent in ${store.name}`, async (t) => {
    const archive = await store.open(t);
    const place = walPlace(t, archive);
    assert.equal((await place.push(first, walSegment({ name: first }))).status, 0);
    mkdirSync(join(place.restored, 'closed'), { mode: 0o555 });
    const wanted = join(place.restored, 'wanted');
    const cases: readonly (readonly [
      what: string,
      args: readonly string[],
      env?: Readonly<Record<string, string>>,
    ])[] = [
      ['no argument', []],
      ['no path', [first]],
      ['a word too many', [first, wanted, wanted]],
      ['an unknown option', ['--no-such-option', first, wanted]],
      ['no name of a WAL file', ['postgresql.conf', wanted]],
      ['a directory that is not there', [first, join(place.restored, 'none', 'wanted')]],
      ['a directory that may not be written to', [first, join(place.restored, 'closed', 'wanted')]],
      ['a directory in the way', [first, place.restored]],
      ['no prefix', [first, wanted], { WALWARDEN_PREFIX: '' }],
      ['a wrong prefix', [first, wanted], { WALWARDEN_PREFIX: 'ftp://archive' }],
      ['a wrong setting', [first, wanted], { WALWARDEN_COMPRESSION: 'rar' }],
      ['no Node', [first, wanted], { WALWARDEN_NODE: '/nowhere/node' }],
    ];
    for (const [what, args, env] of cases) {
      const failed = await place.agent(['wal-fetch', ...args], env);
      assert.equal(failed.status, 255, `${what}: ${failed.stderr}`);
      assert.doesNotMatch(failed.stderr, /mistake in walwarden itself/, what);
    }
    await archive.breakDown();
    for (const name of [first, second]) assert.equal((await place.fetch(name)).status, 255);
    await archive.heal();
    assert.deepEqual(await place.files(), ['closed']);
    assert.equal((await place.fetch(first)).status, 0);
  });

  test(`wal-fetch and wal-push that SIGTERM meets never say that a file of ${store.name} is absent or archived`, async (t) => {
    const archive = await store.open(t);
    const place = walPlace(t, archive);
    const segment = walSegment({ name: first, segmentMiB: 16 });
    assert.equal((await place.push(first, segment)).status, 0);
    const path = place.lay(second, walSegment({ name: second, segmentMiB: 16 }));
    const ends = new Set<string>();
    for (const afterMs of [0, 60, 120, 180, 240, 300]) {
      const fetching = spawnAgent(['wal-fetch', first, join(place.restored, 'wanted')], { env: archive.env });
      const pushing = spawnAgent(['wal-push', path], { env: archive.env });
      await pass(afterMs);
      fetching.kill('SIGTERM');
      pushing.kill('SIGTERM');
      const [fetched, pushed] = [await fetching.finished, await pushing.finished];
      ends.add(`${fetched.status ?? fetched.signal}`);
      // The launcher may die of the signal before its child; PostgreSQL takes that as a shutdown, never as "absent".
      if (fetched.status !== 0)
        assert(fetched.status === 255 || fetched.signal === 'SIGTERM', fetched.stderr);
      if (fetched.status === 0) assert(segment.equals(await place.fetched(first)));
      const archived = (await archive.keys('wal_005/')).some((key) => key.includes(second));
      if (pushed.status === 0) assert(archived, 'what was acknowledged is there');
      else assert(pushed.status === 5 || pushed.signal === 'SIGTERM', pushed.stderr);
    }
    assert(ends.size > 0);
    assert.equal((await place.agent(['wal-push', path])).status, 0);
    assert(segment.equals(await place.fetched(first)));
  });
};
