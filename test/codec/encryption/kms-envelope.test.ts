import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type KeyWrapper, kmsEnvelopeEncryption } from '../../../lib/codec/encryption/kms-envelope.ts';
import { isPipelineError, PipelineError } from '../../../lib/core/errors.ts';
import { isDamage, isUnsupported, passThrough, withBitFlipped } from '../foreign-fixtures.ts';

/** Keeps the data keys itself and hands out their numbers as the wrapped form. */
const openKeyKeeper = (): KeyWrapper => {
  const keys = new Map<string, Uint8Array>();
  return {
    wrap: async () => {
      const wrapped = randomBytes(184);
      const plaintextKey = randomBytes(32);
      keys.set(wrapped.toString('hex'), plaintextKey);
      return { plaintextKey, wrapped };
    },
    unwrap: async (wrapped) => {
      const key = keys.get(Buffer.from(wrapped).toString('hex'));
      if (key === undefined) throw new PipelineError('store-denied', { message: 'no such key' });
      return key;
    },
  };
};

const { encrypt, decrypt } = kmsEnvelopeEncryption(openKeyKeeper());
const open = (bytes: Uint8Array): Promise<Buffer> => passThrough(decrypt, bytes);

const headerBytes = 8 + 2 + 184;
const chunkBytes = 65_536 + 16;
const whole = await passThrough(encrypt, randomBytes(2 * 65_536 + 100));
const header = whole.subarray(0, headerBytes);
const first = whole.subarray(headerBytes, headerBytes + chunkBytes);
const second = whole.subarray(headerBytes + chunkBytes, headerBytes + 2 * chunkBytes);
const last = whole.subarray(headerBytes + 2 * chunkBytes);

describe('the envelope', () => {
  test('comes back, whatever the length of the content', async () => {
    const lengths = fc.oneof(fc.constantFrom(0, 1, 65_535, 65_536, 65_537, 131_072), fc.nat(200_000));
    await fc.assert(
      fc.asyncProperty(lengths, async (plainBytes) => {
        const plain = Buffer.alloc(plainBytes, 'walwarden');
        const encrypted = await passThrough(encrypt, plain, 10_007);
        assert.equal(
          encrypted.byteLength,
          headerBytes + plainBytes + 16 * (Math.floor(plainBytes / 65_536) + 1),
        );
        assert.equal(Buffer.compare(await open(encrypted), plain), 0);
      }),
      { numRuns: 30 },
    );
  });

  test('has another data key for every object', async () => {
    const plain = Buffer.from('the same');
    assert.notDeepEqual(await passThrough(encrypt, plain), await passThrough(encrypt, plain));
  });

  test('passes on what the keeper of the keys says', async () => {
    const elsewhere = kmsEnvelopeEncryption(openKeyKeeper());
    await assert.rejects(passThrough(elsewhere.decrypt, whole), { code: 'store-denied' });
  });
});

describe('damage', () => {
  test('a stream cut at the border of a chunk is refused', async () => {
    for (const chunks of [[], [first], [first, second]]) {
      await assert.rejects(open(Buffer.concat([header, ...chunks])), {
        code: 'object-damaged',
        message: /last chunk/,
      });
    }
  });

  test('a stream cut anywhere else is refused', async () => {
    for (let end = 0; end < whole.byteLength; end += end < 220 || end > whole.byteLength - 40 ? 1 : 4999) {
      await assert.rejects(open(whole.subarray(0, end)), isDamage, `cut at ${end}`);
    }
  });

  test('chunks left out, repeated, moved or of another object are refused', async () => {
    assert.equal((await open(Buffer.concat([header, first, second, last]))).byteLength, 131_172);
    const other = await passThrough(encrypt, randomBytes(2 * 65_536 + 100));
    for (const chunks of [
      [first, last],
      [second, last],
      [last],
      [second, first, last],
      [first, first, second, last],
      [first, second, last, last],
      [first, second, last, Buffer.alloc(1)],
      [first, other.subarray(headerBytes + chunkBytes)],
    ]) {
      await assert.rejects(open(Buffer.concat([header, ...chunks])), isDamage);
    }
  });

  test('no changed bit goes unnoticed', async () => {
    for (let place = 0; place < whole.byteLength; place += place < 220 ? 1 : 4999) {
      const isRefused = (thrown: unknown) =>
        isPipelineError(thrown, 'object-damaged', 'codec-unsupported', 'store-denied');
      await assert.rejects(open(withBitFlipped(whole, place)), isRefused, `byte ${place}`);
    }
  });

  test('a later version of the format is named', async () => {
    const later = Buffer.from(whole);
    later.write('02', 6, 'latin1');
    await assert.rejects(open(later), isUnsupported);
  });
});
