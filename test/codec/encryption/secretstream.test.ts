import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseSecretstreamKey, secretstreamEncryption } from '../../../lib/codec/encryption/secretstream.ts';
import { loadSodium } from '../../../lib/codec/encryption/sodium.ts';
import { foreignFixtures, isDamage, passThrough, withBitFlipped } from '../foreign-fixtures.ts';

const { list: fixtures, read: fixture } = foreignFixtures('secretstream');
const key = parseSecretstreamKey('a key for tests only, cut at 32 bytes');
const { encrypt, decrypt } = secretstreamEncryption(key);
const open = (bytes: Uint8Array, chunkBytes?: number): Promise<Buffer> =>
  passThrough(decrypt, bytes, chunkBytes);

describe('what libsodium encrypted in the shape of WAL-G', () => {
  assert(fixtures.length >= 4, 'the fixtures are all listed');
  for (const { name, sha256 } of fixtures) {
    test(`${name} decrypts to its content, however the stream is cut into chunks`, async () => {
      for (const chunkBytes of [19, 8209, 65536]) {
        const plain = await open(fixture(name), chunkBytes);
        assert.equal(createHash('sha256').update(plain).digest('hex'), sha256);
      }
    });
  }
});

describe('what walwarden encrypts', () => {
  const lengths = fc.oneof(fc.constantFrom(0, 1, 8191, 8192, 8193, 16384, 24577), fc.nat(70_000));

  test('has the shape of WAL-G and comes back', async () => {
    await fc.assert(
      fc.asyncProperty(lengths, fc.integer({ min: 1, max: 20_000 }), async (plainBytes, chunkBytes) => {
        const plain = Buffer.alloc(plainBytes, 'walwarden');
        const encrypted = await passThrough(encrypt, plain, chunkBytes);
        const fullChunks = Math.floor(plainBytes / 8192);
        assert.equal(encrypted.byteLength, 24 + fullChunks * 8209 + (plainBytes % 8192) + 17);
        assert.equal(Buffer.compare(await open(encrypted), plain), 0);
      }),
      { numRuns: 40 },
    );
  });

  test('differs every time', async () => {
    const plain = Buffer.from('the same');
    assert.notDeepEqual(await passThrough(encrypt, plain), await passThrough(encrypt, plain));
  });
});

describe('damage', () => {
  const whole = fixture('noise.sodium'); // two chunks of 8192 bytes and a last one
  const border = (chunks: number): number => 24 + chunks * 8209;

  test('a stream cut at the border of a chunk is refused', async () => {
    for (const chunks of [0, 1, 2]) {
      await assert.rejects(open(whole.subarray(0, border(chunks))), {
        code: 'object-damaged',
        message: `libsodium: the stream ends at byte ${border(chunks)} without a final chunk`,
      });
    }
    const fullChunksOnly = fixture('two-chunks.sodium').subarray(0, -17);
    await assert.rejects(open(fullChunksOnly), isDamage);
  });

  test('a stream cut anywhere else is refused', async () => {
    for (let end = 0; end < whole.byteLength; end += end < 60 || end > whole.byteLength - 40 ? 1 : 211) {
      await assert.rejects(open(whole.subarray(0, end)), isDamage, `cut at ${end}`);
    }
  });

  test('no changed bit goes unnoticed', async () => {
    for (let place = 0; place < whole.byteLength; place += place < 60 ? 1 : 197) {
      await assert.rejects(open(withBitFlipped(whole, place)), isDamage, `byte ${place}`);
    }
  });

  test('chunks left out, repeated or in another order are refused', async () => {
    const header = whole.subarray(0, border(0));
    const [first, second, last] = [
      whole.subarray(border(0), border(1)),
      whole.subarray(border(1), border(2)),
      whole.subarray(border(2)),
    ];
    assert.equal((await open(Buffer.concat([header, first, second, last]))).byteLength, 20_000);
    for (const chunks of [
      [first, last],
      [second, last],
      [second, first, last],
      [first, first, second, last],
      [first, second, last, last],
    ]) {
      await assert.rejects(open(Buffer.concat([header, ...chunks])), isDamage);
    }
  });

  test('bytes behind the final chunk are refused', async () => {
    for (const name of ['noise.sodium', 'empty.sodium']) {
      await assert.rejects(open(Buffer.concat([fixture(name), Buffer.alloc(1)])), isDamage);
      await assert.rejects(open(Buffer.concat([fixture(name), fixture(name)])), isDamage);
    }
  });

  test('another key is refused with a hint that names the key', async () => {
    const other = secretstreamEncryption(parseSecretstreamKey('another key for tests only, too long'));
    await assert.rejects(passThrough(other.decrypt, whole), {
      code: 'object-damaged',
      hint: /The key is not the one/,
    });
  });
});

test('nothing of a stream stays in the memory of the library', async () => {
  const sodium = await loadSodium();
  const freeAddress = (): unknown => {
    const { state } = sodium.crypto_secretstream_xchacha20poly1305_init_push(key);
    sodium.freeState(state);
    return state;
  };
  const before = freeAddress();
  for (let round = 0; round < 50; round += 1) {
    const encrypted = await passThrough(encrypt, Buffer.from('content'));
    await open(encrypted);
    await assert.rejects(open(encrypted.subarray(0, -1)), isDamage);
    for await (const _ of decrypt(oneChunk(encrypted))) break;
  }
  assert.equal(freeAddress(), before);
});

const oneChunk = async function* (bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
};

describe('a key', () => {
  test('as raw text is cut or filled with zeros to 32 bytes', () => {
    assert.deepEqual(Buffer.from(parseSecretstreamKey('x'.repeat(40))), Buffer.alloc(32, 'x'));
    assert.deepEqual(
      Buffer.from(parseSecretstreamKey('x'.repeat(25))),
      Buffer.concat([Buffer.alloc(25, 'x'), Buffer.alloc(7)]),
    );
  });

  test('as hex and as base64 is its 32 bytes', () => {
    const bytes = Buffer.from(Array.from({ length: 32 }, (_, index) => index * 8));
    assert.deepEqual(Buffer.from(parseSecretstreamKey(bytes.toString('hex'), 'hex')), bytes);
    assert.deepEqual(Buffer.from(parseSecretstreamKey(bytes.toString('base64'), 'base64')), bytes);
  });

  test('of another length or with other letters is refused without being shown', () => {
    const wrong = [
      ['x'.repeat(24), 'none'],
      ['ab'.repeat(31), 'hex'],
      ['ab'.repeat(33), 'hex'],
      ['zz'.repeat(32), 'hex'],
      [Buffer.alloc(31, 'x').toString('base64'), 'base64'],
      [Buffer.alloc(33, 'x').toString('base64'), 'base64'],
      [`${'*'.repeat(43)}=`, 'base64'],
    ] as const;
    for (const [text, transform] of wrong) {
      assert.throws(
        () => parseSecretstreamKey(text, transform),
        (thrown) =>
          thrown instanceof Error &&
          'code' in thrown &&
          thrown.code === 'settings-invalid' &&
          !thrown.message.includes(text),
      );
    }
  });
});
