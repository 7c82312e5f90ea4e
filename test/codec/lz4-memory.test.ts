import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { compress, decompress } from '../../lib/codec/codec.ts';

/** This process's high-water mark (proc(5)); each test file has a process of its own. */
const peakMiB = (): number =>
  Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;

const blockBytes = 4 * 1024 * 1024;
const blocks = 200;
const boundMiB = 450;

test('memory does not grow with what goes through an LZ4 frame', async (t) => {
  if (!existsSync('/proc/self/status')) return t.skip('no package for this platform: /proc');
  const block = Buffer.concat([randomBytes(blockBytes / 4), Buffer.alloc(blockBytes * 0.75, 'row ')]);
  const source = async function* () {
    for (let index = 0; index < blocks; index += 1) {
      // Like a file or a socket; what was unpacked is given back only in a turn of the event loop.
      await setImmediate();
      yield Buffer.from(block);
    }
  };
  let bytes = 0;
  for await (const chunk of decompress('lz4')(compress('lz4')(source()))) bytes += chunk.byteLength;
  assert.equal(bytes, blocks * blockBytes);
  const peak = peakMiB();
  t.diagnostic(`${peak.toFixed(0)} MiB at most for ${bytes / 2 ** 20} MiB`);
  assert(peak < boundMiB, `${peak} MiB`);
});
