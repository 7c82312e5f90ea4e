import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BrotliCompress, BrotliDecompress, Gunzip, ZstdCompress, ZstdDecompress } from 'node:zlib';
import { damaged } from './damage.ts';

type ZlibStream = BrotliCompress | BrotliDecompress | Gunzip | ZstdCompress | ZstdDecompress;

/** Small chunks cost most of the time that node:zlib takes: 16 KiB, its default, makes zstd three times slower. */
export const zlibChunkBytes = 256 * 1024;

/** Compresses `source` through a stream of node:zlib. */
export const packWith = (source: AsyncIterable<Uint8Array>, stream: ZlibStream): AsyncIterable<Uint8Array> =>
  through(source, stream, { failure: (cause) => cause, checkEnd: () => undefined });

/**
 * Unpacks `source` through a stream of node:zlib. The source's own error stays what it is; any other is the decoder's
 * word that the bytes are unsound. Bytes that the decoder left over are an error too: node:zlib ends without one at
 * the first byte that it does not like behind a sound end.
 *
 * @throws 'object-damaged'
 */
export const unpackWith = (
  what: string,
  source: AsyncIterable<Uint8Array>,
  stream: ZlibStream,
): AsyncIterable<Uint8Array> =>
  through(source, stream, {
    failure: (cause) =>
      damaged(`${what}: the stream does not unpack after ${stream.bytesWritten} bytes`, cause),
    checkEnd: (sourceBytes, isSourceAtEnd) => {
      if (isSourceAtEnd && stream.bytesWritten === sourceBytes) return;
      throw damaged(`${what}: the stream goes on after its end at byte ${stream.bytesWritten}`);
    },
  });

const through = async function* (
  source: AsyncIterable<Uint8Array>,
  stream: ZlibStream,
  judge: {
    readonly failure: (cause: unknown) => unknown;
    readonly checkEnd: (sourceBytes: number, isSourceAtEnd: boolean) => void;
  },
): AsyncGenerator<Uint8Array, void, undefined> {
  let sourceFailure: { readonly error: unknown } | undefined;
  let sourceBytes = 0;
  let isSourceAtEnd = false;
  const watched = async function* () {
    let isAsked = true;
    try {
      for await (const chunk of source) {
        sourceBytes += chunk.byteLength;
        isAsked = false;
        if (chunk.byteLength > 0) yield chunk;
        isAsked = true;
      }
      isSourceAtEnd = true;
    } catch (error) {
      // What the stream fails with is thrown in here too, at the yield.
      if (isAsked) sourceFailure = { error };
      throw error;
    }
  };

  // pipeline() gives the source back when the reader of this generator leaves early; what it fails with, the
  // iteration below throws as well.
  const piped = pipeline(Readable.from(watched(), { objectMode: false }), stream).catch(() => undefined);
  try {
    for await (const chunk of stream) yield chunk;
  } catch (cause) {
    throw sourceFailure === undefined ? judge.failure(cause) : sourceFailure.error;
  } finally {
    stream.destroy();
    await piped;
  }
  judge.checkEnd(sourceBytes, isSourceAtEnd);
};
