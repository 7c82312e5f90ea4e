import { collect, type Transform } from '../../lib/codec/streams.ts';

/** The bytes as a stream of pieces of `pieceBytes` each. */
export const inPieces = async function* (bytes: Uint8Array, pieceBytes = 65_536) {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
};

export const run = (transform: Transform, bytes: Uint8Array, pieceBytes?: number): Promise<Buffer> =>
  collect(transform(inPieces(bytes, pieceBytes)));

/** Bytes that compress to about half, the same for the same seed: runs, repeats and noise. */
export const semiCompressible = (byteCount: number, seed = 1): Buffer => {
  const bytes = Buffer.alloc(byteCount);
  let state = seed;
  for (let at = 0; at < byteCount; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const length = Math.min(8 + ((state >>> 8) % 56), byteCount - at);
    if (state >>> 31 === 1 && at > 70_000) {
      bytes.copyWithin(at, at - 64 - ((state >>> 4) % 60_000), at - 64 - ((state >>> 4) % 60_000) + length);
      at += length;
      continue;
    }
    for (const end = at + length; at < end; at += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      bytes[at] = state >>> 24;
    }
  }
  return bytes;
};
