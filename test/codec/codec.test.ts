import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { compress, decompress, type Transform } from '../../lib/codec/codec.ts';
import { collect } from '../../lib/codec/streams.ts';
import { codecs } from '../../lib/core/archive/layout.ts';
import { inPieces, run, semiCompressible } from './pieces.ts';

const writable = ['lz4', 'zstd', 'brotli', 'none'] as const;
const checkedCodecs = ['lz4', 'zstd', 'brotli', 'gzip'] as const;

const packed = (codec: (typeof checkedCodecs)[number], bytes: Uint8Array): Promise<Buffer> =>
  codec === 'gzip' ? Promise.resolve(gzipSync(bytes)) : run(compress(codec), bytes);

for (const codec of writable) {
  test(`${codec}: what was packed in any pieces unpacks in any pieces to the same bytes`, async () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 3000 }),
      fc.tuple(fc.nat(300_000), fc.nat()).map(([length, seed]) => semiCompressible(length, seed)),
    );
    await fc.assert(
      fc.asyncProperty(
        content,
        fc.integer({ min: 1, max: 99_999 }),
        fc.integer({ min: 1, max: 99_999 }),
        async (bytes, packPiece, unpackPiece) => {
          const object = await run(compress(codec), bytes, Math.max(packPiece, bytes.length >> 8));
          const back = await run(decompress(codec), object, Math.max(unpackPiece, object.length >> 8));
          assert(back.equals(bytes), `${bytes.length} bytes come back as they were`);
        },
      ),
      { numRuns: 60 },
    );
  });

  test(`${codec}: many blocks come back in their order`, async () => {
    const bytes = Buffer.concat([
      semiCompressible(9_000_000),
      Buffer.alloc(9_000_000),
      semiCompressible(3_000_001, 7),
    ]);
    assert(
      (await run(decompress(codec), await run(compress(codec), bytes), 1_000_003)).equals(bytes),
      'all of it',
    );
  });

  test(`${codec}: an error of the source passes through packing and unpacking as it is`, async () => {
    const failure = Object.assign(new Error('the socket was reset'), { code: 'Z_LOOKS_LIKE_ZLIB' });
    const object = await run(compress(codec), semiCompressible(600_000));
    const failing = async function* () {
      yield object.subarray(0, 100_000);
      throw failure;
    };
    await assert.rejects(collect(compress(codec)(failing())), (thrown) => thrown === failure);
    await assert.rejects(collect(decompress(codec)(failing())), (thrown) => thrown === failure);
  });

  test(`${codec}: a reader who leaves early gives the source back`, { timeout: 60_000 }, async () => {
    const plain = semiCompressible(9_000_000);
    const object = await run(compress(codec), plain);
    const leaving = async (source: AsyncIterable<Uint8Array>, transform: Transform, chunks: number) => {
      let seen = 0;
      for await (const _ of transform(source)) {
        seen += 1;
        if (seen === chunks) return;
      }
    };
    let returned = 0;
    const source = async function* (bytes: Uint8Array) {
      try {
        for (;;) yield* inPieces(bytes);
      } finally {
        returned += 1;
      }
    };
    // The first chunk of lz4 is its header, which needs no source yet.
    await leaving(source(plain), compress(codec), 2);
    await leaving(source(object), decompress(codec), 1);
    assert.equal(returned, 2, 'both sources were closed');
  });
}

test('a level is taken as the codec means it', async () => {
  const bytes = semiCompressible(300_000);
  for (const [codec, highest] of [
    ['zstd', 19],
    ['brotli', 9],
  ] as const) {
    const fast = await run(compress(codec, { level: 1 }), bytes);
    const small = await run(compress(codec, { level: highest }), bytes);
    assert(small.length < fast.length, `${codec}: level ${highest} is smaller than level 1`);
  }
  assert(
    (await run(compress('lz4', { level: 9 }), bytes)).equals(await run(compress('lz4'), bytes)),
    'lz4 has one',
  );
});

test('codecs that are only read are not written', () => {
  for (const codec of codecs.filter((each) => !writable.some((known) => known === each))) {
    assert.throws(() => compress(codec), { code: 'codec-unsupported', message: new RegExp(codec) });
  }
});

for (const codec of checkedCodecs) {
  test(`${codec}: an object cut anywhere is refused, and so is one without a byte`, async () => {
    const object = await packed(codec, semiCompressible(1500));
    for (let length = 0; length < object.length; length += 1) {
      await assert.rejects(
        run(decompress(codec), object.subarray(0, length)),
        { code: 'object-damaged' },
        `${length}`,
      );
    }
  });

  test(`${codec}: bytes behind the end are refused`, async () => {
    const object = await packed(codec, semiCompressible(1500));
    for (const tail of ['0', '000000', 'ff', '1f', '0422', '28b52f', '04224d1864', 'deadbeefdeadbeef']) {
      const longer = Buffer.concat([
        object,
        Buffer.from(tail.padStart(tail.length + (tail.length % 2), '0'), 'hex'),
      ]);
      for (const pieceBytes of [1, object.length, longer.length]) {
        await assert.rejects(run(decompress(codec), longer, pieceBytes), { code: 'object-damaged' }, tail);
      }
    }
  });

  test(`${codec}: any bytes at all are refused or unpacked, never crash`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.nat(20), async (bytes, keep) => {
        const head = (await packed(codec, Buffer.from('x'))).subarray(0, keep);
        await run(decompress(codec), Buffer.concat([head, bytes])).catch((error: unknown) => {
          assert(error instanceof Error && 'code' in error, 'it is an error for operators');
          assert(error.code === 'object-damaged' || error.code === 'codec-unsupported', String(error));
        });
      }),
      { numRuns: 300 },
    );
  });
}

/** Unpacks the object with each of its bits flipped; answers the bits with which it still unpacks, as "byte.bit". */
const toleratedFlips = async (codec: (typeof checkedCodecs)[number], object: Buffer, content: Buffer) => {
  const tolerated: string[] = [];
  for (let bit = 0; bit < object.length * 8; bit += 1) {
    const flipped = Buffer.from(object);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    try {
      const back = await run(decompress(codec), flipped);
      assert(back.equals(content), `${codec}: flipping byte ${bit >> 3} bit ${bit & 7} gave other bytes`);
      tolerated.push(`${bit >> 3}.${bit & 7}`);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      assert(error instanceof Error && 'code' in error && error.code !== undefined, String(error));
      assert(['object-damaged', 'codec-unsupported'].includes(String(error.code)), String(error));
    }
  }
  return tolerated;
};

// Noise, repeats and text, so that the object has literals, matches and, for zstd and gzip, entropy tables.
const flippable = Buffer.concat([
  semiCompressible(30),
  Buffer.from('walwarden '.repeat(8)),
  Buffer.from('a gap is open, acknowledged, bridged or closed; retention says why each thing is kept'),
  semiCompressible(30, 3),
]);

test('lz4: no flipped bit goes unseen, but for those of the last token, which change no byte', async () => {
  const tolerated = await toleratedFlips('lz4', await packed('lz4', flippable), flippable);
  // The last sequence of a block is literals only: the low half of its token, the length of a match, says nothing.
  assert.deepEqual(
    tolerated.map((where) => where.slice(-2)),
    ['.0', '.1', '.2', '.3'],
  );
  assert.equal(new Set(tolerated.map((where) => where.slice(0, -2))).size, 1);
});

test('zstd: no flipped bit goes unseen, but for those of the window and the unused bit, which change no byte', async () => {
  const tolerated = await toleratedFlips('zstd', await packed('zstd', flippable), flippable);
  // Byte 4 bit 4 is the header's unused bit; byte 5 only says how much memory the frame asks for.
  assert.deepEqual(
    tolerated.filter((where) => where !== '4.4' && !where.startsWith('5.')),
    [],
  );
});

test('gzip: no flipped bit goes unseen, but for those of header and padding, which change no byte', async () => {
  const object = gzipSync(flippable);
  const tolerated = await toleratedFlips('gzip', object, flippable);
  // RFC 1952: bytes 3 to 9 are flags, time, extra flags and operating system; eight bytes of checksum and length
  // follow the byte that the compressed bits are padded to.
  const paddedByte = `${object.length - 9}`;
  assert.deepEqual(
    tolerated.filter((where) => !/^[3-9]\./.test(where) && !where.startsWith(`${paddedByte}.`)),
    [],
  );
});

test('a frame of zstd or a member of gzip may follow another, a stream of brotli may not', async () => {
  const [first, second] = [semiCompressible(200_000), Buffer.from('second')];
  for (const pack of [gzipSync, zstdCompressSync]) {
    const codec = pack === gzipSync ? 'gzip' : 'zstd';
    const both = Buffer.concat([pack(first), pack(second)]);
    for (const pieceBytes of [1000, pack(first).length, both.length]) {
      assert((await run(decompress(codec), both, pieceBytes)).equals(Buffer.concat([first, second])), codec);
    }
  }
  const both = Buffer.concat([brotliCompressSync(first), brotliCompressSync(second)]);
  await assert.rejects(run(decompress('brotli'), both), { code: 'object-damaged' });
});
