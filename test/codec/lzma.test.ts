import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { lzmaDecompress } from '../../lib/codec/lzma.ts';
import { foreignFixtures, isDamage, isUnsupported, passThrough, withBitFlipped } from './foreign-fixtures.ts';

const { list: fixtures, read: fixture } = foreignFixtures('lzma');
const unpack = (bytes: Uint8Array, chunkBytes?: number): Promise<Buffer> =>
  passThrough(lzmaDecompress, bytes, chunkBytes);

describe('what xz, WAL-G and 7-Zip wrote', () => {
  assert(fixtures.length >= 14, 'the fixtures are all listed');
  for (const { name, sha256 } of fixtures) {
    test(`${name} unpacks to its content, however the stream is cut into chunks`, async () => {
      for (const chunkBytes of [1, 19, 65536]) {
        const plain = await unpack(fixture(name), chunkBytes);
        assert.equal(createHash('sha256').update(plain).digest('hex'), sha256);
      }
    });
  }
});

describe('damage', () => {
  for (const name of ['numbers-0.lzma', 'length-and-marker.lzma', 'length.lzma', 'one-byte.lzma']) {
    test(`${name} cut at any byte is refused`, async () => {
      const whole = fixture(name);
      for (let end = 0; end < whole.byteLength; end += end < 80 || end > whole.byteLength - 80 ? 1 : 97) {
        await assert.rejects(unpack(whole.subarray(0, end)), isDamage, `cut at ${end}`);
      }
    });

    test(`bytes behind the end of ${name} are refused`, async () => {
      const whole = fixture(name);
      for (const behind of [1, 30]) {
        for (const chunkBytes of [whole.byteLength, 4096]) {
          await assert.rejects(unpack(Buffer.concat([whole, Buffer.alloc(behind)]), chunkBytes), isDamage);
        }
      }
    });
  }

  test('a changed bit ends in damage or in other content of a sound stream, never in anything else', async () => {
    const whole = fixture('contexts.lzma');
    let refused = 0;
    const places = [
      ...Array(40).keys(),
      ...fc.sample(fc.nat(whole.byteLength - 1), { numRuns: 200, seed: 5 }),
    ];
    for (const place of places) {
      try {
        await unpack(withBitFlipped(whole, place));
      } catch (thrown) {
        assert(isDamage(thrown) || isUnsupported(thrown), `byte ${place}: ${thrown}`);
        refused += 1;
      }
    }
    assert(refused > places.length * 0.9, `${refused} of ${places.length} were refused`);
  });

  test('any bytes behind a header come to an end', async () => {
    const header = fixture('empty.lzma').subarray(0, 13);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (bytes) => {
        const stream = Buffer.concat([header, Buffer.from([0]), bytes]);
        await assert.rejects(unpack(stream), isDamage);
      }),
      { numRuns: 200 },
    );
  });

  const header = (properties: number, dictionaryBytes: number, length: bigint): Buffer => {
    const bytes = Buffer.alloc(13);
    bytes.writeUInt8(properties, 0);
    bytes.writeUInt32LE(dictionaryBytes, 1);
    bytes.writeBigUInt64LE(length, 5);
    return bytes;
  };
  const body = fixture('one-byte.lzma').subarray(13);

  test('the length in the header is held to', async () => {
    assert.equal((await unpack(Buffer.concat([header(0x5d, 1 << 20, 1n), body]))).toString(), 'x');
    for (const length of [0n, 2n, 1n << 60n]) {
      await assert.rejects(
        unpack(Buffer.concat([header(0x5d, 1 << 20, length), body])),
        isDamage,
        `${length}`,
      );
    }
  });

  test('properties that do not exist are refused', async () => {
    await assert.rejects(unpack(Buffer.concat([header(225, 1 << 20, 1n), body])), isDamage);
  });

  test('a dictionary of more than 256 MiB is refused, unless the content is shorter', async () => {
    await assert.rejects(
      unpack(Buffer.concat([header(0x5d, 0x10000001, 0xffffffffffffffffn), body])),
      isUnsupported,
    );
    assert.equal((await unpack(Buffer.concat([header(0x5d, 0xffffffff, 1n), body]))).toString(), 'x');
  });
});

const hasXz = spawnSync('xz', ['-V']).status === 0;

test('whatever xz packs here and now comes back', {
  skip: hasXz ? false : 'no xz on this machine',
}, async () => {
  const content = fc
    .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 1000 })), {
      maxLength: 50,
    })
    .map((pieces) => Buffer.concat(pieces.flatMap(([piece, times]) => Array<Uint8Array>(times).fill(piece))));
  const bits = fc.tuple(fc.nat(4), fc.nat(4), fc.nat(4)).filter(([lc, lp]) => lc + lp <= 4);
  await fc.assert(
    fc.asyncProperty(content, bits, fc.constantFrom('4KiB', '1MiB'), async (plain, [lc, lp, pb], dict) => {
      const options = ['--format=lzma', `--lzma1=lc=${lc},lp=${lp},pb=${pb},dict=${dict}`, '-c'];
      const packed = spawnSync('xz', options, { input: plain, maxBuffer: 1 << 26 });
      assert.equal(packed.status, 0, packed.stderr.toString());
      assert.equal(Buffer.compare(await unpack(packed.stdout, 65536), plain), 0);
    }),
    { numRuns: 25 },
  );
});
