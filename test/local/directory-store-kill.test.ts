import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseObjectKey } from '../../lib/core/archive/object-key.ts';
import { openDirectoryStore } from '../../lib/local/directory-store.ts';

const program = fileURLToPath(new URL('killed-creator.ts', import.meta.url));
const pieces = 160;

/** Kills the creator a moment after it has said `word`; answers what it had acknowledged by then. */
const killAfter = async (root: string, key: string, word: string, delayMs: number): Promise<boolean> => {
  const child = spawn(process.execPath, [program, root, key, String(pieces)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let isAcknowledged = false;
  for await (const line of createInterface(child.stdout)) {
    if (line === 'created') isAcknowledged = true;
    if (line === word) void wait(delayMs).then(() => child.kill('SIGKILL'));
  }
  await ended;
  return isAcknowledged;
};

// The moments are spread over the writing and, by tenths of milliseconds of delay, over sync, link and unlink.
const moments: readonly (readonly [word: string, delayMs: number])[] = [
  ...[0, 1, 40, 80, 120, 158, 159].map((piece) => [`piece ${piece}`, 0] as const),
  ...Array.from({ length: 20 }, (_, index) => ['source read', index] as const),
  ...[0, 1, 2].map((delayMs) => ['created', delayMs] as const),
];

test('a creator killed at any moment leaves its object whole or not at all', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'walwarden-kill-'));
  t.after(() => rm(root, { recursive: true }));
  await mkdir(join(root, 'wal_005'));
  const store = await openDirectoryStore(root);
  const seen = { absent: 0, whole: 0 };
  for (const [index, [word, delayMs]] of moments.entries()) {
    const key = parseObjectKey(`wal_005/${index}`);
    const isAcknowledged = await killAfter(root, key, word, delayMs);
    const object = await store.open(key);
    seen[object === undefined ? 'absent' : 'whole'] += 1;
    if (object === undefined) {
      assert(!isAcknowledged, `moment ${index}: what was acknowledged is there`);
      assert.equal(
        await store.create(key, Buffer.from('next')),
        'created',
        'the next creator is not hindered',
      );
      continue;
    }
    let readBytes = 0;
    for await (const chunk of object.content) {
      for (let at = 0; at < chunk.byteLength; at += 65_536) {
        assert.equal(chunk[at], (readBytes + at) / 65_536, `moment ${index}: the bytes are the creator's`);
      }
      readBytes += chunk.byteLength;
    }
    assert.equal(readBytes, pieces * 65_536, `moment ${index}: the object is whole`);
  }
  t.diagnostic(`${seen.absent} times absent, ${seen.whole} times whole`);
  assert(seen.absent >= 7 && seen.whole >= 3, 'the moments reached both sides of the publication');
});
