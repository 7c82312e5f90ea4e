import { damaged, unsupported } from './damage.ts';
import { decodeSymbols, type LzmaProperties, openLzmaDecoder, takeOutput } from './lzma-decoder.ts';
import { bytesLeft, rangeHeadBytes, supplyInput } from './lzma-range.ts';
import { type ByteReader, readingBytes, type Transform } from './streams.ts';

const headerBytes = 13;
const unknownLength = 0xffffffffffffffffn;
const smallestDictionaryBytes = 4096;

/** WAL-G writes 8 MiB; the highest preset of xz takes 64 MiB. */
const largestDictionaryBytes = 256 * 1024 * 1024;

/**
 * Unpacks the legacy format LZMA-alone (`.lzma`), which WAL-G writes when it is told to use lzma: 13 bytes of header
 * (properties, dictionary, length or -1), then one LZMA stream, with a marker at its end when the length is not said.
 *
 * The format has **no checksum**. A stream that is cut, or followed by anything, is refused, and so is damage that
 * leaves no sound stream; damage that leaves one is not seen here, and the content must be judged by what it is.
 *
 * An own decoder, because a place that is only read deserves no native addon (lzma-native, node-liblzma), and the pure
 * JavaScript ones hold the whole content in memory (lzma, lzma1) or are abandoned (lzma-purejs).
 *
 * Memory: the dictionary that the header names, at most 256 MiB, and a quarter more.
 *
 * @throws 'object-damaged'; 'codec-unsupported' for a larger dictionary
 */
export const lzmaDecompress: Transform = (source) => readingBytes(source, decodeStream);

const decodeStream = async function* (reader: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  const { properties, plainBytes } = parseHeader(await reader.take(headerBytes));
  const head = await reader.take(rangeHeadBytes);
  if (head.byteLength < rangeHeadBytes) throw cut(reader);
  if (head[0] !== 0) throw damaged('lzma: no LZMA stream follows the header');
  const decoder = openLzmaDecoder(head, properties);
  let plainBytesLeft = plainBytes ?? Number.POSITIVE_INFINITY;

  for await (const { isLast, input } of withLast(reader, () => Math.max(0, bytesLeft(decoder.range)))) {
    supplyInput(decoder.range, input);
    for (;;) {
      const outcome = decodeSymbols(decoder, { plainBytesLeft, isLast });
      if (outcome === 'wrong' && bytesLeft(decoder.range) < 0) throw cut(reader);
      if (outcome === 'wrong') throw wrong(reader, bytesLeft(decoder.range));
      const output = takeOutput(decoder);
      plainBytesLeft -= output.byteLength;
      if (output.byteLength > 0) yield output;
      if (outcome === 'more-output') continue;
      if (outcome === 'more-input') break;
      if (plainBytes !== undefined && plainBytesLeft > 0) {
        throw damaged(`lzma: the stream ends ${plainBytesLeft} bytes before the length that it claims`);
      }
      if (bytesLeft(decoder.range) > 0 || (await reader.take(1)).byteLength > 0) {
        throw damaged('lzma: bytes follow the end of the stream');
      }
      return;
    }
  }
};

/** The pieces of the stream, each with the bytes that were left of the one before in front; the very last one is marked. */
const withLast = async function* (
  reader: ByteReader,
  unreadBytes: () => number,
): AsyncGenerator<{ readonly isLast: boolean; readonly input: Uint8Array }, void, undefined> {
  let input: Uint8Array = new Uint8Array(0);
  for await (const piece of reader.pieces(Number.MAX_SAFE_INTEGER)) {
    input = input.byteLength === 0 ? piece : Buffer.concat([input, piece]);
    yield { isLast: false, input };
    input = input.subarray(input.byteLength - unreadBytes());
  }
  yield { isLast: true, input };
};

const parseHeader = (
  header: Uint8Array,
): { readonly properties: LzmaProperties; readonly plainBytes: number | undefined } => {
  if (header.byteLength < headerBytes)
    throw damaged(`lzma: the stream ends at byte ${header.byteLength} in its header`);
  const view = new DataView(header.buffer, header.byteOffset, headerBytes);
  const packed = view.getUint8(0);
  if (packed >= 9 * 5 * 5)
    throw damaged(`lzma: the header begins with ${packed}, which stands for no properties`);
  const length = view.getBigUint64(5, true);
  const isLengthKnown = length !== unknownLength;
  if (isLengthKnown && length > Number.MAX_SAFE_INTEGER) {
    throw damaged(`lzma: the header claims a length of ${length} bytes`);
  }
  const plainBytes = isLengthKnown ? Number(length) : undefined;
  const claimedBytes = Math.max(smallestDictionaryBytes, view.getUint32(1, true));
  // No match reaches further back than the content is long.
  const dictionaryBytes = Math.min(
    claimedBytes,
    Math.max(smallestDictionaryBytes, plainBytes ?? claimedBytes),
  );
  if (dictionaryBytes > largestDictionaryBytes) {
    throw unsupported(
      `lzma: the header asks for a dictionary of ${dictionaryBytes} bytes, ${largestDictionaryBytes} are allowed`,
      'Unpack the object with "xz --format=lzma -d" and pack it again with a smaller dictionary.',
    );
  }
  return {
    properties: {
      literalContextBits: packed % 9,
      literalPositionBits: Math.floor(packed / 9) % 5,
      positionBits: Math.floor(packed / 45),
      dictionaryBytes,
    },
    plainBytes,
  };
};

const cut = (reader: ByteReader) =>
  damaged(`lzma: the stream ends at byte ${reader.position()} before its end mark`);

const wrong = (reader: ByteReader, unreadBytes: number) =>
  damaged(`lzma: the stream does not decode near byte ${reader.position() - unreadBytes}`);
