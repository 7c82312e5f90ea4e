import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { damaged, unsupported } from '../damage.ts';
import { type ByteReader, readingBytes, rechunk } from '../streams.ts';
import { type Encryption, undecryptable } from './encryption.ts';

/**
 * Who keeps the key that data keys are wrapped with: AWS KMS (GenerateDataKey with AES_256, Decrypt), or a fake.
 * Implementations throw `PipelineError` for what an operator can act on, such as a denied key.
 */
export type KeyWrapper = {
  /** A fresh data key of 32 bytes, plain and wrapped. Each object has its own. */
  wrap(): Promise<{ readonly plaintextKey: Uint8Array; readonly wrapped: Uint8Array }>;
  unwrap(wrapped: Uint8Array): Promise<Uint8Array>;
};

const magic = Buffer.from('WWKMSE01', 'latin1');
const magicBytes = magic.byteLength - 2; // the last two are the version
const keyBytes = 32;
const longestWrappedBytes = 6144; // what KMS accepts in Decrypt
const plainChunkBytes = 64 * 1024;
const tagBytes = 16;

/**
 * The envelope of new archives. An object is
 *
 * - 8 bytes `WWKMSE01`, the last two being the version of the format
 * - the length of the wrapped data key (16 bits, big-endian) and the wrapped data key
 * - chunks: each 64 KiB of content but the last, which is shorter (it may be empty), encrypted with AES-256-GCM and
 *   followed by the tag of 16 bytes
 *
 * The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse
 * Misuse-Resistance, 2015): the nonce is 7 zero bytes, the number of the chunk (32 bits, big-endian) and a byte that is
 * 1 for the last chunk only. A chunk that is missing, repeated, moved, or the last without being it does not open. The
 * header is authenticated with every chunk. No nonce is used twice because no data key is.
 */
export const kmsEnvelopeEncryption = (keys: KeyWrapper): Encryption => ({
  kind: 'kms-envelope',
  encrypt: (source) => encrypt(source, keys),
  decrypt: (source) => readingBytes(source, (reader) => decrypt(reader, keys)),
});

const nonceOf = (chunkNumber: number, isLast: boolean): Buffer => {
  assert(chunkNumber <= 0xffffffff, 'an object has less than 2^32 chunks, 256 TiB');
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(chunkNumber, 7);
  nonce.writeUInt8(isLast ? 1 : 0, 11);
  return nonce;
};

type Chunk = { readonly number: number; readonly isLast: boolean; readonly bytes: Uint8Array };

type DataKey = { readonly key: Uint8Array; readonly header: Uint8Array };

const sealChunk = ({ key, header }: DataKey, chunk: Chunk): Buffer => {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(chunk.number, chunk.isLast));
  cipher.setAAD(header);
  return Buffer.concat([cipher.update(chunk.bytes), cipher.final(), cipher.getAuthTag()]);
};

const openChunk = ({ key, header }: DataKey, chunk: Chunk): Buffer | undefined => {
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(chunk.number, chunk.isLast), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(header);
  decipher.setAuthTag(chunk.bytes.subarray(-tagBytes));
  const plain = decipher.update(chunk.bytes.subarray(0, -tagBytes));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plain;
};

const encrypt = async function* (
  source: AsyncIterable<Uint8Array>,
  keys: KeyWrapper,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { plaintextKey, wrapped } = await keys.wrap();
  assert(plaintextKey.byteLength === keyBytes, 'a data key has 32 bytes');
  assert(
    wrapped.byteLength > 0 && wrapped.byteLength <= longestWrappedBytes,
    'a wrapped data key is one that KMS unwraps',
  );
  const header = Buffer.concat([magic, Buffer.alloc(2), wrapped]);
  header.writeUInt16BE(wrapped.byteLength, magic.byteLength);
  const dataKey: DataKey = { key: plaintextKey, header };
  yield header;
  let number = 0;
  let last: Uint8Array = new Uint8Array(0);
  for await (const bytes of rechunk(source, plainChunkBytes)) {
    if (bytes.byteLength < plainChunkBytes) {
      last = bytes;
    } else {
      yield sealChunk(dataKey, { number, isLast: false, bytes });
      number += 1;
    }
  }
  yield sealChunk(dataKey, { number, isLast: true, bytes: last });
};

const decrypt = async function* (
  reader: ByteReader,
  keys: KeyWrapper,
): AsyncGenerator<Uint8Array, void, undefined> {
  const dataKey = await readHeader(reader, keys);
  for (let number = 0; ; number += 1) {
    const begin = reader.position();
    const bytes = await reader.take(plainChunkBytes + tagBytes);
    // Only the last chunk is shorter; a stream cut at a chunk's border has none.
    const isLast = bytes.byteLength < plainChunkBytes + tagBytes;
    if (bytes.byteLength < tagBytes) {
      throw damaged(`kms envelope: the stream ends at byte ${reader.position()} without a last chunk`);
    }
    const plain = openChunk(dataKey, { number, isLast, bytes });
    if (plain === undefined) throw undecryptable(`kms envelope: the chunk at byte ${begin} is not authentic`);
    if (plain.byteLength > 0) yield plain;
    if (isLast) return;
  }
};

const readHeader = async (reader: ByteReader, keys: KeyWrapper): Promise<DataKey> => {
  const fixed = Buffer.from(await reader.take(magic.byteLength + 2));
  if (
    !fixed.subarray(0, magicBytes).equals(magic.subarray(0, magicBytes)) ||
    fixed.byteLength < magic.byteLength + 2
  ) {
    throw damaged('kms envelope: the stream does not begin with its header');
  }
  if (!fixed.subarray(0, magic.byteLength).equals(magic)) {
    throw unsupported(
      `kms envelope: the stream has the version ${fixed.toString('latin1', magicBytes, magic.byteLength)}`,
      'Read it with the newer walwarden that wrote it.',
    );
  }
  const wrappedBytes = fixed.readUInt16BE(magic.byteLength);
  if (wrappedBytes === 0 || wrappedBytes > longestWrappedBytes) {
    throw damaged(`kms envelope: the header claims a wrapped key of ${wrappedBytes} bytes`);
  }
  const wrapped = await reader.take(wrappedBytes);
  if (wrapped.byteLength < wrappedBytes) {
    throw damaged(`kms envelope: the stream ends at byte ${reader.position()} in its header`);
  }
  const key = await keys.unwrap(wrapped);
  if (key.byteLength !== keyBytes)
    throw undecryptable(`kms envelope: the data key has ${key.byteLength} bytes`);
  return { key, header: Buffer.concat([fixed, wrapped]) };
};
