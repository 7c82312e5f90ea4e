import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pass } from 'node:timers/promises';
import { type AgentResult, spawnAgent } from '../../support/agent.ts';
import type { TestStore } from '../../support/test-archive.ts';
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
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const backupHistory = `START WAL LOCATION: 0/2000028 (file ${second})
STOP WAL LOCATION: 0/2000100 (file ${second})
CHECKPOINT LOCATION: 0/2000060
BACKUP METHOD: streamed
BACKUP FROM: primary
START TIME: 2026-11-21 04:22:00 UTC
LABEL: base
START TIMELINE: 1
STOP TIME: 2026-11-21 04:22:01 UTC
STOP TIMELINE: 1
`;

/** One file of every kind that PostgreSQL archives. */
const everyKind: readonly (readonly [name: string, content: Buffer])[] = [
  [first, walSegment({ name: first })],
  [`${second}.partial`, walSegment({ name: second })],
  ['00000002.history', Buffer.from('1\t0/2000100\tno recovery target specified\n')],
  [`${second}.00000028.backup`, Buffer.from(backupHistory)],
];

const changed = (content: Buffer, change: (copy: Buffer) => void): Buffer => {
  const copy = Buffer.from(content);
  change(copy);
  return copy;
};

/** What is no file of its name, and what the message must say of it. */
const notWhatTheNameSays: readonly (readonly [
  what: string,
  name: string,
  content: Buffer,
  message: RegExp,
])[] = [
  ['a renamed segment', second, walSegment({ name: first }), /begins at 0\/200000, but .* 0\/100000/],
  ['a truncated segment', second, walSegment({ name: second }).subarray(0, 700_000), /700000 bytes/],
  [
    'a zeroed header',
    second,
    changed(walSegment({ name: second }), (copy) => copy.fill(0, 0, 8192)),
    /zeros/,
  ],
  ['a segment of zeros', second, Buffer.alloc(2 ** 20), /zeros/],
  ['an empty segment', second, Buffer.alloc(0), /only 0 are there/],
  [
    'a segment that is too long',
    second,
    Buffer.concat([walSegment({ name: second }), Buffer.alloc(8192)]),
    /1056768/,
  ],
  [
    'a later timeline',
    second,
    walSegment({ name: second.replace('00000001', '00000002') }),
    /later timeline 2/,
  ],
  ['an empty history', '00000003.history', Buffer.alloc(0), /0 bytes/],
  ['a history of something else', '00000003.history', incompressible(300), /history|line|timeline/],
  ['a renamed backup history', `${first}.00000028.backup`, Buffer.from(backupHistory), new RegExp(second)],
];

const failureOf = ({ events }: AgentResult): string => {
  const failed = events.filter(({ level, state }) => level === 'error' && state === 'fail');
  assert.equal(failed.length, 1, 'one line tells of the failure');
  return String(failed[0]?.message ?? failed[0]?.msg);
};

const pushSuite = (store: TestStore): void => {
  test(`wal-push archives every kind of WAL file to ${store.name}, and wal-fetch brings it back byte by byte`, async (t) => {
    const place = walPlace(t, await store.open(t), ourSystem);
    for (const [name, content] of everyKind) {
      const pushed = await place.push(name, content);
      assert.equal(pushed.status, 0, `${name}: ${pushed.stderr}`);
    }
    for (const [name, content] of everyKind) {
      assert(content.equals(await place.fetched(name)), `${name} came back as it was`);
    }
  });

  test(`wal-push of the same content again is a success in ${store.name}, under whatever codec it lies there`, async (t) => {
    const archive = await store.open(t);
    const place = walPlace(t, archive);
    const content = walSegment({ name: first });
    assert.equal((await place.push(first, content)).status, 0);
    const before = await archiveContent(archive);
    for (const codec of ['lz4', 'zstd', 'brotli', 'none']) {
      const again = await place.push(first, content, { WALWARDEN_COMPRESSION: codec });
      assert.equal(again.status, 0, again.stderr);
      const other = await place.push(first, walSegment({ name: first, seed: 2 }), {
        WALWARDEN_COMPRESSION: codec,
      });
      assert.equal(other.status, 22, other.stderr);
    }
    assert.deepEqual(await archiveContent(archive), before, 'nothing was written');
    assert(content.equals(await place.fetched(first)));
  });

  test(`wal-push of other content under an archived name ends with 22 and shows both checksums, in ${store.name}`, async (t) => {
    const archive = await store.open(t);
    const place = walPlace(t, archive, ourSystem);
    for (const [name, content] of everyKind) assert.equal((await place.push(name, content)).status, 0);
    const before = await archiveContent(archive);
    const others: readonly (readonly [string, Buffer])[] = [
      [first, walSegment({ name: first, seed: 2 })],
      ['00000002.history', Buffer.from('1\t0/2000200\tno recovery target specified\n')],
    ];
    for (const [name, content] of others) {
      const refused = await place.push(name, content);
      assert.equal(refused.status, 22, refused.stderr);
      const message = failureOf(refused);
      const archived = everyKind.find(([known]) => known === name)?.[1] ?? Buffer.alloc(0);
      assert(message.includes(sha256(archived)) && message.includes(sha256(content)), message);
    }
    assert.deepEqual(await archiveContent(archive), before, 'nothing was changed');
  });

  test(`wal-push of another cluster's file ends with 23 and leaves ${store.name} as it was`, async (t) => {
    const archive = await store.open(t);
    assert.equal((await walPlace(t, archive, ourSystem).push(first, walSegment({ name: first }))).status, 0);
    const before = await archiveContent(archive);
    const foreign = walPlace(t, archive, foreignSystem);
    const history = await foreign.push('00000002.history', Buffer.from('1\t0/2000100\tno reason\n'));
    const segment = await foreign.push(second, walSegment({ name: second, system: foreignSystem }));
    const smuggled = await foreign.push(second, walSegment({ name: second }));
    const byHand = await walPlace(t, archive).push(
      second,
      walSegment({ name: second, system: foreignSystem }),
    );
    for (const refused of [history, segment, smuggled, byHand]) {
      assert.equal(refused.status, 23, refused.stderr);
      assert(failureOf(refused).includes(String(foreignSystem)));
    }
    assert.deepEqual(await archiveContent(archive), before);
  });

  test(`wal-push of a file that is not what its name says ends with 21 and archives nothing in ${store.name}`, async (t) => {
    const archive = await store.open(t);
    const place = walPlace(t, archive, ourSystem);
    for (const [what, name, content, message] of notWhatTheNameSays) {
      const refused = await place.push(name, content);
      assert.equal(refused.status, 21, `${what}: ${refused.stderr}`);
      assert.match(failureOf(refused), message, what);
    }
    assert.deepEqual(await archive.keys(), [], 'not even a claim');
  });

  test(`wal-push of a wrong name ends with 20, of an unreadable file with 10, with nothing new in ${store.name}`, async (t) => {
    const archive = await store.open(t);
    const place = walPlace(t, archive);
    const content = walSegment({ name: first });
    for (const name of [
      '0000000100000000000000',
      `${first}.lz4`,
      'postgresql.conf',
      '0000000a0000000000000001',
    ]) {
      assert.equal((await place.push(name, content)).status, 20, name);
    }
    const path = place.lay(first, content);
    chmodSync(path, 0);
    const unreadable = await place.agent(['wal-push', path]);
    assert.equal(unreadable.status, 10, unreadable.stderr);
    assert.match(failureOf(unreadable), new RegExp(path));
    const missing = await place.agent(['wal-push', join(place.restored, first)]);
    assert.equal(missing.status, 10, missing.stderr);
    mkdirSync(join(place.restored, second));
    const directory = await place.agent(['wal-push', join(place.restored, second)]);
    assert.equal(directory.status, 10, directory.stderr);
    assert.equal((await place.agent(['wal-push'])).status, 2, 'no path');
    assert.equal((await place.agent(['wal-push', path, path])).status, 2, 'two paths');
    assert.equal((await place.agent(['wal-push', path], { WALWARDEN_COMPRESSION: 'rar' })).status, 3);
    assert.deepEqual(await archive.keys(), []);
  });

  test(`wal-push ends with 34, 35 or 36 while ${store.name} is down, and with 0 after that`, async (t) => {
    const archive = await store.open(t);
    const place = walPlace(t, archive);
    const content = walSegment({ name: first });
    assert.equal((await place.push(first, content)).status, 0);
    await archive.breakDown();
    for (const name of [first, second]) {
      const failed = await place.push(name, walSegment({ name }));
      assert([34, 35, 36].includes(failed.status ?? 0), `${failed.status}: ${failed.stderr}`);
    }
    await archive.heal();
    assert.equal((await place.push(second, walSegment({ name: second }))).status, 0);
    assert(walSegment({ name: second }).equals(await place.fetched(second)));
  });
};

const fetchSuite = (store: TestStore): void => {
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

export const exitStatusSuite = (store: TestStore): void => {
  pushSuite(store);
  fetchSuite(store);
};
