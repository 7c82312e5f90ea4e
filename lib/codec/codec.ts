import { constants, createBrotliCompress, createBrotliDecompress, createGunzip } from 'node:zlib';
import type { Codec } from '../core/archive/layout.ts';
import { unsupported } from './damage.ts';
import { lz4Decompress } from './lz4-reader.ts';
import { lz4Compress } from './lz4-writer.ts';
import { lzmaDecompress } from './lzma.ts';
import { lzoDecompress } from './lzo.ts';
import type { Transform } from './streams.ts';
import { packWith, unpackWith, zlibChunkBytes } from './through-zlib.ts';
import { zstdCompress, zstdDecompress } from './zstd.ts';

export type { Transform } from './streams.ts';

const asItIs: Transform = (source) => source;

/** WAL-G's quality: above it brotli takes more time than an archiver has. */
const defaultBrotliQuality = 3;

const brotliCompress =
  (quality: number = defaultBrotliQuality): Transform =>
  (source) =>
    packWith(
      source,
      createBrotliCompress({
        chunkSize: zlibChunkBytes,
        params: { [constants.BROTLI_PARAM_QUALITY]: quality },
      }),
    );

const brotliDecompress: Transform = (source) =>
  unpackWith('brotli', source, createBrotliDecompress({ chunkSize: zlibChunkBytes }));

/** Members one after the other are one stream (RFC 1952); zlib verifies each one's CRC-32 and length. */
const gzipDecompress: Transform = (source) =>
  unpackWith('gzip', source, createGunzip({ chunkSize: zlibChunkBytes }));

/** What walwarden writes. `level` is the codec's own scale; lz4 has only one. */
const writers: Partial<Record<Codec, (level: number | undefined) => Transform>> = {
  lz4: () => lz4Compress,
  zstd: zstdCompress,
  brotli: brotliCompress,
  none: () => asItIs,
};

/** What walwarden reads. */
const readers: Partial<Record<Codec, Transform>> = {
  lz4: lz4Decompress,
  zstd: zstdDecompress,
  brotli: brotliDecompress,
  lzma: lzmaDecompress,
  gzip: gzipDecompress,
  lzo: lzoDecompress,
  none: asItIs,
};

/**
 * Makes one complete object of a stream, in bounded memory.
 *
 * @throws 'codec-unsupported' at once for a codec that is only read
 */
export const compress = (codec: Codec, options: { readonly level?: number } = {}): Transform => {
  const writer = writers[codec];
  if (writer === undefined) {
    throw unsupported(
      `${codec} is read but not written`,
      `Choose one of ${Object.keys(writers).join(', ')}.`,
    );
  }
  return writer(options.level);
};

/**
 * The content of an object, in bounded memory. Whatever has been yielded counts only once the stream has ended without
 * an error: checksums come last. Brotli carries no checksum, and "none" nothing at all; what lies under those must be
 * judged by its own content.
 *
 * @throws 'codec-unsupported' at once for a codec nobody reads, while reading for a variant nobody reads;
 *   'object-damaged' while reading for anything but a complete and sound stream. The source's own errors pass through.
 */
export const decompress = (codec: Codec): Transform => {
  const reader = readers[codec];
  if (reader === undefined) {
    throw unsupported(`${codec} cannot be read`, `Codecs that can: ${Object.keys(readers).join(', ')}.`);
  }
  return reader;
};
