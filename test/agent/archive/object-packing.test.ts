import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packingWith } from '../../../agent/archive/object-packing.ts';
import type { Encryption } from '../../../lib/codec/encryption/encryption.ts';
import { kmsEnvelopeEncryption } from '../../../lib/codec/encryption/kms-envelope.ts';
import { parseSecretstreamKey, secretstreamEncryption } from '../../../lib/codec/encryption/secretstream.ts';
import { collect } from '../../../lib/codec/streams.ts';

const content = Buffer.from('one line of content, and another one\n'.repeat(1000));

/** In pieces of one byte at first, so that no mark comes in one piece. */
async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < 5; at += 1) yield bytes.subarray(at, at + 1);
  yield bytes.subarray(5);
}

const libsodium = secretstreamEncryption(parseSecretstreamKey('00'.repeat(32), 'hex'));
const key = Buffer.alloc(32, 1);
const kms = kmsEnvelopeEncryption({
  wrap: async () => ({ plaintextKey: key, wrapped: Buffer.from('wrapped') }),
  unwrap: async () => key,
});

const packed = (encryption: Encryption | undefined, codec: 'lz4' | 'zstd' | 'brotli' | 'none') =>
  collect(packingWith(encryption, false).pack(codec)(inPieces(content)));

const unpacked = (
  bytes: Uint8Array,
  encryption: Encryption | undefined,
  codec: 'lz4' | 'zstd' | 'brotli' | 'none',
  allowsPlain = false,
) => collect(packingWith(encryption, allowsPlain).unpack(codec)(inPieces(bytes)));

test('what was packed is unpacked, with every codec and encryption, and encrypted content cannot be seen', async () => {
  for (const encryption of [undefined, libsodium, kms]) {
    for (const codec of ['lz4', 'zstd', 'brotli', 'none'] as const) {
      const object = await packed(encryption, codec);
      assert.deepEqual(await unpacked(object, encryption, codec), content, `${encryption?.kind} ${codec}`);
      assert.deepEqual(
        await unpacked(object, encryption, codec, true),
        content,
        `${encryption?.kind} ${codec}`,
      );
      if (encryption !== undefined) assert(!object.includes('content'), `${encryption.kind} ${codec}`);
    }
  }
});

test('with a key a plain object is refused, unless that is allowed', async () => {
  for (const encryption of [libsodium, kms]) {
    for (const codec of ['lz4', 'zstd'] as const) {
      const plain = await packed(undefined, codec);
      await assert.rejects(unpacked(plain, encryption, codec), {
        code: 'object-damaged',
        message: `it is not encrypted, although a key for ${encryption.kind} is set`,
        hint: /WALWARDEN_ALLOW_UNENCRYPTED/,
      });
      assert.deepEqual(await unpacked(plain, encryption, codec, true), content);
    }
  }
});

test('a plain object without a mark is told from an envelope, and counts as encrypted beside libsodium', async () => {
  const plain = await packed(undefined, 'brotli');
  assert.deepEqual(await unpacked(plain, kms, 'brotli', true), content);
  await assert.rejects(unpacked(plain, kms, 'brotli'), { message: /not encrypted/ });
  await assert.rejects(unpacked(plain, libsodium, 'brotli', true), { code: 'object-damaged' });
});

test('an encrypted object without a key is an error that thinks of the key', async () => {
  for (const [encryption, codec] of [
    [libsodium, 'lz4'],
    [kms, 'zstd'],
    [kms, 'none'],
  ] as const) {
    await assert.rejects(unpacked(await packed(encryption, codec), undefined, codec), {
      code: 'object-damaged',
      hint: /a key that no setting names/,
    });
  }
});

test('an object cut short is damaged with a key and without one, wherever it is cut', async () => {
  for (const encryption of [undefined, libsodium, kms]) {
    const object = await packed(encryption, 'lz4');
    for (const bytes of [0, 1, 3, 7, 8, 20, object.length - 1]) {
      await assert.rejects(
        unpacked(object.subarray(0, bytes), encryption, 'lz4', true),
        { code: 'object-damaged' },
        `${encryption?.kind} after ${bytes} bytes`,
      );
    }
  }
});

test('a reader that goes away gives its source back', async () => {
  let isReturned = false;
  const source = async function* () {
    try {
      for (;;) yield content;
    } finally {
      isReturned = true;
    }
  };
  for await (const _ of packingWith(undefined, false).unpack('none')(source())) break;
  assert(isReturned);
});
