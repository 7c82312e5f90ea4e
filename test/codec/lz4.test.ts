import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import xxhash from 'xxhash-wasm';
import { compress, decompress } from '../../lib/codec/codec.ts';
import { run, semiCompressible } from './pieces.ts';

const unpack = decompress('lz4');
const pack = compress('lz4');
const { h32Raw } = await xxhash();

const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/codec/${name}`, import.meta.url));
const header = Buffer.from('04224d186470b9', 'hex');

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

/** A frame descriptor with its right checksum. */
const descriptor = (flg: number, bd: number, fields: Uint8Array = Buffer.alloc(0)): Buffer => {
  const bytes = Buffer.concat([Buffer.from([flg, bd]), fields]);
  return Buffer.concat([uint32(0x184d2204), bytes, Buffer.from([(h32Raw(bytes) >>> 8) & 0xff])]);
};

const endOf = (content: Uint8Array): Buffer => Buffer.concat([uint32(0), uint32(h32Raw(content) >>> 0)]);
const stored = (content: Uint8Array): Buffer => Buffer.concat([uint32(0x80000000 + content.length), content]);

test('nothing is packed into the 15 bytes that WAL-G writes for it', async () => {
  assert.equal((await run(pack, Buffer.alloc(0))).toString('hex'), '04224d186470b900000000055dcc02');
});

test('an object is one frame of 4 MiB blocks with the header that WAL-G writes, whatever its length', async () => {
  for (const length of [1, 4 * 1024 * 1024, 4 * 1024 * 1024 + 1, 13_000_000]) {
    const object = await run(pack, semiCompressible(length), 100_000);
    assert(object.subarray(0, 7).equals(header), 'the header is always the same');
    let blocks = 0;
    let at = 7;
    for (; object.readUInt32LE(at) !== 0; blocks += 1) at += 4 + (object.readUInt32LE(at) & 0x7fffffff);
    assert.equal(blocks, Math.ceil(length / (4 * 1024 * 1024)), 'full blocks, and one for the rest');
    assert.equal(at + 8, object.length, 'after the end mark comes the checksum, and nothing else');
  }
});

test('a block that would not get smaller is stored as it is', async () => {
  const noise = crypto.getRandomValues(Buffer.alloc(60_000));
  const object = await run(pack, noise);
  assert(
    object.equals(Buffer.concat([header, stored(noise), endOf(noise)])),
    'the frame holds the bytes themselves',
  );
});

test('a frame without a checksum is read, but its end mark is demanded', async () => {
  const frame = Buffer.concat([descriptor(0x60, 0x40), stored(Buffer.from('content')), uint32(0)]);
  assert.equal((await run(unpack, frame)).toString(), 'content');
  await assert.rejects(run(unpack, frame.subarray(0, -4)), { code: 'object-damaged' });
});

test('a frame that needs a dictionary and a legacy frame are unsupported, not damaged', async () => {
  const frame = Buffer.concat([descriptor(0x65, 0x40, uint32(7)), endOf(Buffer.alloc(0))]);
  await assert.rejects(run(unpack, frame), { code: 'codec-unsupported', message: /dictionary/ });
  await assert.rejects(run(unpack, fixture('lz4-legacy.lz4')), {
    code: 'codec-unsupported',
    message: /legacy/,
  });
});

const refused: readonly (readonly [what: string, frame: Buffer, message: RegExp])[] = [
  ['of another version', descriptor(0x84, 0x70), /version 2/],
  ['with a reserved flag', descriptor(0x66, 0x70), /reserved/],
  ['with a reserved bit in its block size', descriptor(0x64, 0xf0), /reserved/],
  ['with an unknown block size', descriptor(0x64, 0x30), /block size code 3/],
  [
    'with a block larger than it allows',
    Buffer.concat([descriptor(0x64, 0x40), stored(Buffer.alloc(65_537)), endOf(Buffer.alloc(65_537))]),
    /65537 bytes of 65536 allowed/,
  ],
  [
    'whose block claims two gigabytes',
    Buffer.concat([descriptor(0x64, 0x40), uint32(0x7fffffff)]),
    /2147483647 bytes of 65536 allowed/,
  ],
  [
    'with a stored block of no bytes',
    Buffer.concat([descriptor(0x64, 0x40), uint32(0x80000000), endOf(Buffer.alloc(0))]),
    /claims 0 bytes/,
  ],
  [
    'with less content than it claims',
    Buffer.concat([
      descriptor(0x68, 0x40, Buffer.from('0800000000000000', 'hex')),
      stored(Buffer.from('content')),
      uint32(0),
    ]),
    /does not hold the 8 bytes/,
  ],
  [
    'with more content than it claims',
    Buffer.concat([
      descriptor(0x68, 0x40, Buffer.from('0600000000000000', 'hex')),
      stored(Buffer.from('content')),
      uint32(0),
    ]),
    /does not hold the 6 bytes/,
  ],
  [
    'that unpacks to more than a block',
    // One literal, then a match of 70,000 bytes.
    Buffer.concat([
      descriptor(0x64, 0x40),
      uint32(4 + 275),
      Buffer.from([0x1f, 0x61, 0x01, 0x00]),
      Buffer.alloc(274, 0xff),
      Buffer.from([0x00]),
      endOf(Buffer.alloc(70_000)),
    ]),
    /does not unpack/,
  ],
  [
    'with a match from before its begin',
    Buffer.concat([
      descriptor(0x64, 0x40),
      uint32(10),
      Buffer.from('10610900506263646566', 'hex'),
      endOf(Buffer.alloc(0)),
    ]),
    /does not unpack/,
  ],
  [
    'behind which the stream goes on',
    Buffer.concat([header, endOf(Buffer.alloc(0)), Buffer.from('tail')]),
    /no frame begins at byte 15/,
  ],
  [
    'with a wrong content checksum',
    Buffer.concat([header, stored(Buffer.from('x')), uint32(0), uint32(1)]),
    /content checksum/,
  ],
];

for (const [what, frame, message] of refused) {
  test(`a frame ${what} is damaged`, async () => {
    await assert.rejects(run(unpack, frame), { code: 'object-damaged', message });
    await assert.rejects(run(unpack, frame, 1), { code: 'object-damaged', message });
  });
}

test('skippable frames alone are no object', async () => {
  const skippable = Buffer.concat([uint32(0x184d2a50), uint32(3), Buffer.from('abc')]);
  await assert.rejects(run(unpack, skippable), { code: 'object-damaged' });
  const full = Buffer.concat([skippable, header, endOf(Buffer.alloc(0)), skippable]);
  assert.equal((await run(unpack, full)).length, 0);
  await assert.rejects(run(unpack, full.subarray(0, -1)), { code: 'object-damaged', message: /skippable/ });
});

test('a changed block is found by its own checksum, before its content is used', async () => {
  const object = fixture('lz4-B4-linked-all-checks.lz4');
  object[2000] = (object[2000] ?? 0) ^ 1;
  await assert.rejects(run(unpack, object), { code: 'object-damaged', message: /checksum of the block/ });
});

test('a linked block may refer to any block of the last 64 KiB, however small they are', async () => {
  // No literals, a match of eight bytes at the offset, five literals.
  const block = (offset: number, tail: string) => {
    const bytes = Buffer.concat([Buffer.from([0x04, offset & 0xff, offset >> 8, 0x50]), Buffer.from(tail)]);
    return Buffer.concat([uint32(bytes.length), bytes]);
  };
  const content = Buffer.from('walwarden walwardeabcdewalwardefghij');
  const linked = [stored(Buffer.from('walwarden ')), block(10, 'abcde'), block(23, 'fghij')];
  const frame = Buffer.concat([descriptor(0x44, 0x40), ...linked, endOf(content)]);
  assert.equal((await run(unpack, frame)).toString(), content.toString());
  const independent = Buffer.concat([descriptor(0x64, 0x40), ...linked, endOf(content)]);
  await assert.rejects(run(unpack, independent), { code: 'object-damaged', message: /does not unpack/ });
});
