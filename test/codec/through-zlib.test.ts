import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBrotliDecompress, createGunzip } from 'node:zlib';
import { collect } from '../../lib/codec/streams.ts';
import { unpackWith } from '../../lib/codec/through-zlib.ts';

for (const [what, stream] of [
  ['brotli', createBrotliDecompress()],
  ['gzip', createGunzip()],
] as const) {
  test(`${what}: damage is told as damage although the source has more to give`, async () => {
    const noise = async function* () {
      for (let chunk = 0; chunk < 40; chunk += 1) yield Buffer.alloc(64 * 1024, 0xff);
    };
    await assert.rejects(collect(unpackWith(what, noise(), stream)), { code: 'object-damaged' });
  });
}
