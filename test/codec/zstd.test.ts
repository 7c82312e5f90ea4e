import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { compress, decompress } from '../../lib/codec/codec.ts';
import { run, semiCompressible } from './pieces.ts';

const unpack = decompress('zstd');
const skippable = Buffer.from('502a4d1803000000616263', 'hex');

test('what we pack carries a checksum', async () => {
  const object = await run(compress('zstd'), Buffer.from('content'));
  assert.equal((object[4] ?? 0) & 0x04, 0x04, 'the checksum flag of the frame header is set');
});

test('a stream is not short at a skippable frame, where node:zlib stops without a word', async () => {
  const frame = zstdCompressSync(Buffer.from('content'));
  const object = Buffer.concat([skippable, frame, skippable, frame, skippable]);
  assert.equal(
    zstdDecompressSync(Buffer.concat([frame, skippable, frame])).toString(),
    'content',
    'node is short',
  );
  for (const pieceBytes of [1, 11, frame.length, object.length]) {
    assert.equal((await run(unpack, object, pieceBytes)).toString(), 'contentcontent');
  }
  await assert.rejects(run(unpack, object.subarray(0, -1)), { code: 'object-damaged' });
  await assert.rejects(run(unpack, skippable), { code: 'object-damaged' });
});

test('stored, run-length and compressed blocks of several frames are told apart by their lengths', async () => {
  const contents = [
    Buffer.alloc(400_000),
    crypto.getRandomValues(Buffer.alloc(60_000)),
    semiCompressible(500_000),
  ];
  const object = Buffer.concat(contents.map((content) => zstdCompressSync(content)));
  assert((await run(unpack, object, 10_007)).equals(Buffer.concat(contents)), 'all of it');
});

test('a frame that asks for more than 128 MiB of memory is unsupported, one that asks for so much is not', async () => {
  const withWindow = (windowLog: number) =>
    zstdCompressSync(semiCompressible(1000), { params: { [constants.ZSTD_c_windowLog]: windowLog } });
  const frame = Buffer.from('28b52ffd0488', 'hex');
  const rest = Buffer.from('010000', 'hex');
  frame[5] = (27 - 10) << 3;
  assert.equal((await run(unpack, withWindow(27))).length, 1000);
  frame[4] = 0;
  assert.equal((await run(unpack, Buffer.concat([frame, rest]))).length, 0);
  frame[5] = ((27 - 10) << 3) + 1;
  await assert.rejects(run(unpack, Buffer.concat([frame, rest])), {
    code: 'codec-unsupported',
    message: /window/,
  });
});

test('a frame that needs a dictionary is unsupported', async () => {
  const frame = Buffer.from('28b52ffd2107000100' + '00', 'hex');
  await assert.rejects(run(unpack, frame), { code: 'codec-unsupported', message: /dictionary 7/ });
});
