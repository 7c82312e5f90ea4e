import assert from 'node:assert/strict';
import type { Branded } from '../../core/brand.ts';
import { damaged } from '../damage.ts';
import { type ByteReader, readingBytes, rechunk } from '../streams.ts';
import { type Encryption, keyInvalid, undecryptable } from './encryption.ts';
import { loadSodium, type Sodium } from './sodium.ts';

/** The 32 bytes of a key of crypto_secretstream_xchacha20poly1305. */
export type SecretstreamKey = Branded<Uint8Array, 'SecretstreamKey'>;

/** What WAL-G's `WALG_LIBSODIUM_KEY_TRANSFORM` may say. */
export type KeyTransform = 'none' | 'hex' | 'base64';

const keyBytes = 32;
const shortestRawKeyBytes = 25;

const headerBytes = 24;
const plainChunkBytes = 8192;
/** A tag byte in front of every chunk and an authenticator behind it. */
const overheadBytes = 17;
const chunkBytes = plainChunkBytes + overheadBytes;

/**
 * A key as WAL-G takes it from `WALG_LIBSODIUM_KEY`, or from the file of `WALG_LIBSODIUM_KEY_PATH`, whose text WAL-G
 * trims. `none` means the text itself, cut or filled with zeros to 32 bytes.
 *
 * @throws 'settings-invalid', without the key in its message
 */
export const parseSecretstreamKey = (text: string, transform: KeyTransform = 'none'): SecretstreamKey => {
  const key = transforms[transform](text);
  assert(key.byteLength === keyBytes, 'every way to read a key yields its 32 bytes');
  return key as SecretstreamKey;
};

const transforms: Readonly<Record<KeyTransform, (text: string) => Uint8Array>> = {
  none: (text) => {
    const raw = Buffer.from(text);
    if (raw.byteLength < shortestRawKeyBytes) {
      throw keyInvalid(
        `the libsodium key has ${raw.byteLength} bytes, at least ${shortestRawKeyBytes} are needed`,
        'Use a longer key, or say with the key transform that it is hex or base64.',
      );
    }
    const key = new Uint8Array(keyBytes);
    key.set(raw.subarray(0, keyBytes));
    return key;
  },
  hex: (text) => {
    if (!/^[0-9a-fA-F]{64}$/.test(text)) {
      throw keyInvalid(
        'the libsodium key is not 32 bytes in hex',
        'Give 64 hex digits, as "openssl rand -hex 32" prints.',
      );
    }
    return Buffer.from(text, 'hex');
  },
  base64: (text) => {
    if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) {
      throw keyInvalid(
        'the libsodium key is not 32 bytes in base64',
        'Use what "openssl rand -base64 32" prints.',
      );
    }
    return Buffer.from(text, 'base64');
  },
};

/**
 * libsodium's secretstream as WAL-G writes it: the header, chunks of 8192 bytes with the tag MESSAGE, and a last, shorter
 * one (it may be empty) with the tag FINAL; no additional data. Reading demands FINAL and nothing behind it, which
 * WAL-G does not: to it, a stream that was cut between two chunks ends well.
 *
 * By libsodium's own WebAssembly build: about 100 MB/s of encrypted bytes on one core, which Node's chacha20 with an own
 * state machine around it does not beat, and no native addon.
 */
export const secretstreamEncryption = (key: SecretstreamKey): Encryption => ({
  kind: 'libsodium',
  encrypt: (source) => encrypt(source, key),
  decrypt: (source) => readingBytes(source, (reader) => decrypt(reader, key)),
});

const encrypt = async function* (
  source: AsyncIterable<Uint8Array>,
  key: SecretstreamKey,
): AsyncGenerator<Uint8Array, void, undefined> {
  const sodium = await loadSodium();
  const { state, header } = sodium.crypto_secretstream_xchacha20poly1305_init_push(key);
  const push = (chunk: Uint8Array, tag: number): Uint8Array =>
    sodium.crypto_secretstream_xchacha20poly1305_push(state, chunk, null, tag);
  try {
    yield header;
    let last: Uint8Array = new Uint8Array(0);
    for await (const chunk of rechunk(source, plainChunkBytes)) {
      if (chunk.byteLength < plainChunkBytes) last = chunk;
      else yield push(chunk, sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
    }
    yield push(last, sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL);
  } finally {
    sodium.freeState(state);
  }
};

const decrypt = async function* (
  reader: ByteReader,
  key: SecretstreamKey,
): AsyncGenerator<Uint8Array, void, undefined> {
  const sodium = await loadSodium();
  const header = await reader.take(headerBytes);
  if (header.byteLength < headerBytes) {
    throw damaged(`libsodium: the stream ends at byte ${header.byteLength} in its header`);
  }
  const state = sodium.crypto_secretstream_xchacha20poly1305_init_pull(header, key);
  try {
    for (;;) {
      const { content, isFinal } = pullChunk(sodium, state, await reader.take(chunkBytes), reader.position());
      if (isFinal && (await reader.take(1)).byteLength > 0) {
        throw damaged(`libsodium: bytes follow the final chunk at byte ${reader.position() - 1}`);
      }
      if (content.byteLength > 0) yield content;
      if (isFinal) return;
    }
  } finally {
    sodium.freeState(state);
  }
};

const pullChunk = (
  sodium: Sodium,
  state: Parameters<Sodium['freeState']>[0],
  chunk: Uint8Array,
  end: number,
): { readonly content: Uint8Array; readonly isFinal: boolean } => {
  const begin = end - chunk.byteLength;
  if (chunk.byteLength < overheadBytes)
    throw damaged(`libsodium: the stream ends at byte ${end} without a final chunk`);
  const pulled = sodium.crypto_secretstream_xchacha20poly1305_pull(state, chunk, null);
  if (pulled === false) throw undecryptable(`libsodium: the chunk at byte ${begin} is not authentic`);
  const isFinal = pulled.tag === sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL;
  if (!isFinal && pulled.tag !== sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE) {
    throw damaged(`libsodium: the chunk at byte ${begin} has the tag ${pulled.tag}`);
  }
  return { content: pulled.message, isFinal };
};
