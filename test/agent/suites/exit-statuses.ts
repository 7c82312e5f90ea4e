import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AgentResult } from '../../support/agent.ts';
import type { TestStore } from '../../support/test-archive.ts';
import {
  archiveContent,
  foreignSystem,
  incompressible,
  ourSystem,
  walPlace,
  walSegment,
} from '../../support/wal-files.ts';
import { walFetchStatusSuite } from './wal-fetch-statuses.ts';

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

export const exitStatusSuite = (store: TestStore): void => {
  pushSuite(store);
  walFetchStatusSuite(store);
};
