import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { adler32 } from '../../lib/codec/adler32.ts';
import { lzoDecompress } from '../../lib/codec/lzo.ts';
import { unpackLzo1x } from '../../lib/codec/lzo1x.ts';
import { foreignFixtures, isDamage, isUnsupported, passThrough, withBitFlipped } from './foreign-fixtures.ts';

const { list: fixtures, read: fixture } = foreignFixtures('lzo');
const unpack = (bytes: Uint8Array, chunkBytes?: number): Promise<Buffer> =>
  passThrough(lzoDecompress, bytes, chunkBytes);

describe('what lzop wrote', () => {
  assert(fixtures.length >= 17, 'the fixtures are all listed');
  for (const { name, sha256 } of fixtures) {
    test(`${name} unpacks to its content, however the stream is cut into chunks`, async () => {
      for (const chunkBytes of [7, 65536]) {
        const plain = await unpack(fixture(name), chunkBytes);
        assert.equal(createHash('sha256').update(plain).digest('hex'), sha256);
      }
    });
  }
});

describe('damage', () => {
  test('a stream cut at any byte is refused', async () => {
    const whole = fixture('adler32-of-both.lzo');
    for (let end = 0; end < whole.byteLength; end += end < 80 || end > whole.byteLength - 80 ? 1 : 97) {
      await assert.rejects(unpack(whole.subarray(0, end)), isDamage, `cut at ${end}`);
    }
  });

  test('a stream cut at the border of a block is refused', async () => {
    const whole = fixture('stripes-1.lzo');
    await assert.rejects(unpack(whole.subarray(0, -4)), isDamage);
  });

  for (const name of ['adler32-of-both.lzo', 'crc32-of-both.lzo', 'with-name.lzo']) {
    test(`no changed bit of ${name} goes unnoticed`, async () => {
      const whole = fixture(name);
      const randomPlaces = fc.sample(fc.nat(whole.byteLength - 1), { numRuns: 200, seed: 3 });
      for (const place of [...Array(100).keys(), ...randomPlaces]) {
        await assert.rejects(
          unpack(withBitFlipped(whole, place)),
          (thrown) => isDamage(thrown) || isUnsupported(thrown),
          `byte ${place}`,
        );
      }
    });
  }

  test('bytes behind the end mark are refused', async () => {
    const whole = fixture('numbers-1.lzo');
    await assert.rejects(unpack(Buffer.concat([whole, Buffer.from([0])])), isDamage);
    await assert.rejects(unpack(Buffer.concat([whole, whole])), isDamage);
  });

  test('a block that claims more than 64 MiB is refused before anything is allocated', async () => {
    const whole = fixture('empty.lzo');
    const head = whole.subarray(0, -4);
    const block = Buffer.alloc(16);
    block.writeUInt32BE(64 * 1024 * 1024 + 1, 0);
    block.writeUInt32BE(1, 4);
    await assert.rejects(unpack(Buffer.concat([head, block])), {
      code: 'object-damaged',
      message: /67108865 bytes/,
    });
  });

  test('a header that asks for what only lzop can is refused as unsupported', async () => {
    const whole = fixture('empty.lzo');
    const withHeader = (change: (header: Buffer) => void): Buffer => {
      const header = Buffer.from(whole.subarray(9, -8));
      change(header);
      const checksum = Buffer.alloc(4);
      checksum.writeUInt32BE(adler32(header));
      return Buffer.concat([whole.subarray(0, 9), header, checksum, whole.subarray(-4)]);
    };
    assert.equal((await unpack(withHeader(() => undefined))).byteLength, 0);
    const changes: readonly ((header: Buffer) => void)[] = [
      (header) => header.writeUInt8(128, 6), // another method
      (header) => header.writeUInt16BE(0x1050, 4), // a newer lzop needed
      (header) => header.writeUInt32BE(header.readUInt32BE(8) | 0x40, 8), // an extra field
    ];
    for (const change of changes) await assert.rejects(unpack(withHeader(change)), isUnsupported);
  });
});

describe('one LZO1X block', () => {
  test('any bytes come to an end, and fill the target exactly or are refused', () => {
    const opcodes = fc.oneof(fc.constantFrom(0, 1, 17, 18, 32, 64, 255), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(opcodes, { maxLength: 200 }), fc.nat(2000), (bytes, targetBytes) => {
        // The target lies within a larger buffer, whose other bytes nothing may touch.
        const around = Buffer.alloc(targetBytes + 64, 0xa5);
        unpackLzo1x(Uint8Array.from(bytes), around.subarray(32, 32 + targetBytes));
        assert(around.subarray(0, 32).every((byte) => byte === 0xa5));
        assert(around.subarray(32 + targetBytes).every((byte) => byte === 0xa5));
      }),
      { numRuns: 2000 },
    );
  });

  const end = [0x11, 0, 0];
  const blocks: readonly (readonly [string, readonly number[], string | undefined])[] = [
    ['literals before the end mark', [17 + 3, 97, 98, 99, ...end], 'abc'],
    ['a copy into its own output', [17 + 4, 97, 98, 99, 100, 64, 0, ...end], 'abcdddd'],
    ['a copy from before the begin', [17 + 4, 97, 98, 99, 100, 80, 1, ...end], undefined],
    ['no end mark', [17 + 3, 97, 98, 99], undefined],
    ['bytes behind the end mark', [17 + 3, 97, 98, 99, ...end, 0], undefined],
    ['less than claimed', [17 + 2, 97, 98, ...end], undefined],
    ['a length that never ends', [0, ...Array<number>(100).fill(0)], undefined],
  ];
  for (const [name, bytes, expected] of blocks) {
    test(`${name}: ${expected === undefined ? 'refused' : 'unpacked'}`, () => {
      const target = Buffer.alloc(expected?.length ?? 3);
      const wrong = unpackLzo1x(Uint8Array.from(bytes), target);
      assert.equal(wrong === undefined, expected !== undefined, wrong);
      if (expected !== undefined) assert.equal(target.toString(), expected);
    });
  }
});

test('adler32 is that of RFC 1950', () => {
  assert.equal(adler32(Buffer.from('Wikipedia')), 0x11e60398);
  assert.equal(adler32(Buffer.alloc(0)), 1);
  assert.equal(adler32(Buffer.alloc(1_000_000, 0xff)), adler32ByDefinition(Buffer.alloc(1_000_000, 0xff)));
});

const adler32ByDefinition = (bytes: Uint8Array): number => {
  let low = 1;
  let high = 0;
  for (const byte of bytes) {
    low = (low + byte) % 65521;
    high = (high + low) % 65521;
  }
  return high * 65536 + low;
};

const hasLzop = spawnSync('lzop', ['-V']).status === 0;

test('whatever lzop packs here and now comes back', {
  skip: hasLzop ? false : 'second opinion: no lzop on this machine, its objects are in test/fixtures',
}, async () => {
  // Repeats of short pieces at random distances make matches of every kind.
  const content = fc
    .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 2000 })), {
      maxLength: 60,
    })
    .map((pieces) => Buffer.concat(pieces.flatMap(([piece, times]) => Array<Uint8Array>(times).fill(piece))));
  const options = fc.subarray(['--crc32', '-CC', '-F']);
  const level = fc.constantFrom('-1', '-3', '-7', '-9');
  await fc.assert(
    fc.asyncProperty(content, options, level, async (plain, chosen, packedAt) => {
      const packed = spawnSync('lzop', [...chosen, packedAt, '-c'], { input: plain, maxBuffer: 1 << 26 });
      assert.equal(packed.status, 0, packed.stderr.toString());
      const unpacked = await unpack(packed.stdout, 65536);
      assert.equal(crc32(unpacked), crc32(plain));
      assert.equal(unpacked.byteLength, plain.byteLength);
    }),
    { numRuns: 30 },
  );
});
