import { crc32 } from 'node:zlib';
import { adler32 } from './adler32.ts';
import { damaged } from './damage.ts';
import { unpackLzo1x } from './lzo1x.ts';
import { type BlockChecksums, readLzopHeader } from './lzop-header.ts';
import { type ByteReader, readingBytes, type Transform } from './streams.ts';

/** What lzop itself takes at most; it writes 256 KiB. */
const maximumBlockBytes = 64 * 1024 * 1024;

/**
 * Unpacks what `lzop` writes, which is how WAL-E stored everything. Verifies every checksum that the stream carries and
 * demands the end mark with nothing behind it.
 *
 * Memory stays below two blocks of the stream (256 KiB each as lzop writes it, 64 MiB at most).
 *
 * @throws 'object-damaged'; 'codec-unsupported' for a stream with filters or in several parts
 */
export const lzoDecompress: Transform = (source) => readingBytes(source, decodeStream);

const decodeStream = async function* (reader: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  const checksums = await readLzopHeader(reader);
  for (;;) {
    const begin = reader.position();
    const plainBytes = await readUint32(reader, 'a block or the end mark');
    if (plainBytes === 0) break;
    if (plainBytes > maximumBlockBytes) {
      throw damaged(
        `lzo: the block at byte ${begin} claims ${plainBytes} bytes of ${maximumBlockBytes} allowed`,
      );
    }
    yield await readBlock(reader, { begin, plainBytes, checksums });
  }
  if ((await reader.take(1)).byteLength > 0) {
    throw damaged(`lzo: bytes follow the end mark at byte ${reader.position() - 1}`);
  }
};

type BlockHead = { readonly begin: number; readonly plainBytes: number; readonly checksums: BlockChecksums };

const readBlock = async (reader: ByteReader, head: BlockHead): Promise<Uint8Array> => {
  const { begin, plainBytes, checksums } = head;
  const packedBytes = await readUint32(reader, 'the length of a block');
  if (packedBytes === 0 || packedBytes > plainBytes) {
    throw damaged(`lzo: the block at byte ${begin} claims ${plainBytes} bytes in ${packedBytes}`);
  }
  const isStored = packedBytes === plainBytes;
  const expected = async (isCarried: boolean): Promise<number | undefined> =>
    isCarried ? await readUint32(reader, 'a checksum of a block') : undefined;
  const adler32OfPlain = await expected(checksums.adler32OfPlain);
  const crc32OfPlain = await expected(checksums.crc32OfPlain);
  const adler32OfPacked = await expected(checksums.adler32OfPacked && !isStored);
  const crc32OfPacked = await expected(checksums.crc32OfPacked && !isStored);

  const packed = await takeWhole(reader, packedBytes, 'a block');
  verify(packed, adler32OfPacked, crc32OfPacked, `packed block at byte ${begin}`);
  if (isStored) {
    verify(packed, adler32OfPlain, crc32OfPlain, `stored block at byte ${begin}`);
    return packed;
  }
  const plain = Buffer.allocUnsafeSlow(plainBytes);
  const wrong = unpackLzo1x(packed, plain);
  if (wrong !== undefined) throw damaged(`lzo: the block at byte ${begin} ${wrong}`);
  verify(plain, adler32OfPlain, crc32OfPlain, `block at byte ${begin}`);
  return plain;
};

const verify = (
  bytes: Uint8Array,
  expectedAdler32: number | undefined,
  expectedCrc32: number | undefined,
  what: string,
): void => {
  if (expectedAdler32 !== undefined && adler32(bytes) !== expectedAdler32) {
    throw damaged(`lzo: the adler32 of the ${what} does not match`);
  }
  if (expectedCrc32 !== undefined && crc32(bytes) !== expectedCrc32) {
    throw damaged(`lzo: the crc32 of the ${what} does not match`);
  }
};

const readUint32 = async (reader: ByteReader, what: string): Promise<number> => {
  const bytes = await takeWhole(reader, 4, what);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
};

const takeWhole = async (reader: ByteReader, byteCount: number, what: string): Promise<Uint8Array> => {
  const bytes = await reader.take(byteCount);
  if (bytes.byteLength < byteCount) {
    throw damaged(`lzo: the stream ends at byte ${reader.position()} where ${what} should be`);
  }
  return bytes;
};
