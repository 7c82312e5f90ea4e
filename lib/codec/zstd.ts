import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { damaged, unsupported } from './damage.ts';
import { type ByteReader, readingBytes, rechunk, type Transform } from './streams.ts';
import { packWith, unpackWith, zlibChunkBytes } from './through-zlib.ts';

const defaultLevel = 3;

export const zstdCompress =
  (level: number = defaultLevel): Transform =>
  (source) =>
    packWith(
      source,
      createZstdCompress({
        chunkSize: zlibChunkBytes,
        params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
      }),
    );

/**
 * Every frame of the stream, over skippable frames (pzstd writes them). node:zlib ends without an error at a skippable
 * frame and at a frame that begins with a new chunk, so the frames are told apart here, by the lengths of their blocks
 * (RFC 8878, section 3), and each goes through a decoder of its own that must use it up.
 *
 * @throws 'object-damaged'; 'codec-unsupported' for a frame that needs a dictionary or more than 128 MiB of memory
 */
export const zstdDecompress: Transform = (source) => readingBytes(source, decodeFrames);

const frameMagic = 0xfd2fb528;
const maximumWindowBytes = 2 ** 27;

const decodeFrames = async function* (reader: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  let frames = 0;
  for (;;) {
    const magic = await reader.take(4);
    if (magic.byteLength === 0 && frames > 0) return;
    const begin = reader.position() - magic.byteLength;
    if (magic.byteLength < 4)
      throw damaged(`zstd: the stream ends at byte ${reader.position()} before a frame`);
    const number = littleEndian(magic);
    if (number === frameMagic) {
      // Gathered, because every chunk costs the decoder a trip to another thread.
      const frame = rechunk(frameBytes(reader, magic), 128 * 1024);
      yield* unpackWith(
        `zstd frame at byte ${begin}`,
        frame,
        createZstdDecompress({ chunkSize: zlibChunkBytes }),
      );
      frames += 1;
    } else if (number >= 0x184d2a50 && number <= 0x184d2a5f) {
      const length = littleEndian(await takeWhole(reader, 4));
      for await (const _ of wholePieces(reader, length));
    } else {
      throw damaged(`zstd: no frame begins at byte ${begin}`);
    }
  }
};

/** The bytes of one frame, from its magic number to its checksum. */
const frameBytes = async function* (
  reader: ByteReader,
  magic: Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield magic;
  const begin = reader.position() - magic.byteLength;
  const flags = await takeWhole(reader, 1);
  const descriptor = flags[0] ?? 0;
  yield flags;
  const header = headerFields(descriptor);
  const rest = await takeWhole(reader, header.windowBytes + header.dictionaryBytes + header.contentSizeBytes);
  yield rest;
  refuseUnsupported(begin, header, rest);

  for (let isLast = false; !isLast; ) {
    const blockHeader = await takeWhole(reader, 3);
    yield blockHeader;
    const number = littleEndian(blockHeader);
    isLast = (number & 1) !== 0;
    // A run-length block stores one byte, whatever its length says. The decoder itself judges type and length.
    yield* wholePieces(reader, ((number >> 1) & 3) === 1 ? 1 : number >> 3);
  }
  if ((descriptor & 0x04) !== 0) yield await takeWhole(reader, 4);
};

type HeaderFields = {
  readonly windowBytes: 0 | 1;
  readonly dictionaryBytes: number;
  readonly contentSizeBytes: number;
};

/** How long the fields of a frame header are, by its descriptor byte (RFC 8878, section 3.1.1.1). */
const headerFields = (descriptor: number): HeaderFields => {
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const contentSizeFlag = descriptor >> 6;
  return {
    windowBytes: isSingleSegment ? 0 : 1,
    dictionaryBytes: [0, 1, 2, 4][descriptor & 3] ?? 0,
    contentSizeBytes: contentSizeFlag === 0 ? Number(isSingleSegment) : 2 ** contentSizeFlag,
  };
};

const refuseUnsupported = (begin: number, header: HeaderFields, fields: Uint8Array): void => {
  const dictionary = fields.subarray(header.windowBytes, header.windowBytes + header.dictionaryBytes);
  if (dictionary.some((byte) => byte !== 0)) {
    throw unsupported(
      `zstd: the frame at byte ${begin} needs dictionary ${littleEndian(dictionary)}`,
      'Unpack it with "zstd -d -D <dictionary>" and pack it again without one.',
    );
  }
  const descriptor = fields[0] ?? 0;
  const windowBytes =
    header.windowBytes === 0 ? 0 : 2 ** (10 + (descriptor >> 3)) * (1 + (descriptor & 7) / 8);
  if (windowBytes > maximumWindowBytes) {
    throw unsupported(
      `zstd: the frame at byte ${begin} needs a window of ${windowBytes} bytes, more than ${maximumWindowBytes}`,
      'Unpack it with "zstd -d --long=31" and pack it again without --long.',
    );
  }
};

/** Of up to four bytes. */
const littleEndian = (bytes: Uint8Array): number =>
  bytes.reduceRight((number, byte) => number * 256 + byte, 0);

const takeWhole = async (reader: ByteReader, byteCount: number): Promise<Uint8Array> => {
  const bytes = await reader.take(byteCount);
  if (bytes.byteLength < byteCount) throw cutShort(reader);
  return bytes;
};

const wholePieces = async function* (
  reader: ByteReader,
  byteCount: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let missing = byteCount;
  for await (const piece of reader.pieces(byteCount)) {
    missing -= piece.byteLength;
    yield piece;
  }
  if (missing > 0) throw cutShort(reader);
};

const cutShort = (reader: ByteReader) =>
  damaged(`zstd: the stream ends at byte ${reader.position()} inside a frame`);
