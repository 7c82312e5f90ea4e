import { createHash } from 'node:crypto';

/** Bytes in, bytes out, pulled by the reader. A transform that is left early gives its source back (`return`). */
export type Transform = (source: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

/** The whole stream in memory: for documents whose size is bounded by their nature. */
export const collect = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
};

export type StreamDigest = { readonly streamBytes: number /** Lower-case hex. */; readonly sha256: string };

/**
 * Passes a stream on unchanged and knows its length and SHA-256 once it was read to its end; `result` before that is a
 * mistake of the caller and throws.
 */
export const withDigest = (
  source: AsyncIterable<Uint8Array>,
): { readonly stream: AsyncIterable<Uint8Array>; readonly result: () => StreamDigest } => {
  let digest: StreamDigest | undefined;
  const pass = async function* () {
    const hash = createHash('sha256');
    let streamBytes = 0;
    for await (const chunk of source) {
      hash.update(chunk);
      streamBytes += chunk.byteLength;
      yield chunk;
    }
    digest = { streamBytes, sha256: hash.digest('hex') };
  };
  return {
    stream: pass(),
    result: () => {
      if (digest === undefined) throw new Error('the digest of a stream is known only after its end');
      return digest;
    },
  };
};

/** Cuts a stream into blocks of exactly `blockBytes`, the last one shorter. The blocks are copies of their own. */
export const rechunk = async function* (
  source: AsyncIterable<Uint8Array>,
  blockBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  let block: Buffer | undefined;
  let filled = 0;
  for await (const chunk of source) {
    let taken = 0;
    while (taken < chunk.byteLength) {
      block ??= Buffer.allocUnsafeSlow(blockBytes);
      const part = chunk.subarray(taken, taken + blockBytes - filled);
      block.set(part, filled);
      filled += part.byteLength;
      taken += part.byteLength;
      if (filled < blockBytes) continue;
      yield block;
      block = undefined;
      filled = 0;
    }
  }
  if (block !== undefined) yield block.subarray(0, filled);
};

/** Works on up to `limit` items at once and yields the results in the order of the items. */
export const mapInOrder = async function* <Item, Result>(
  items: AsyncIterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const underWay: Promise<Result>[] = [];
  for await (const item of items) {
    const result = work(item);
    // It is awaited in its turn; until then its failure must not count as unhandled, nor when nobody asks any more.
    result.catch(() => undefined);
    underWay.push(result);
    const oldest = underWay.length < limit ? undefined : underWay.shift();
    if (oldest !== undefined) yield await oldest;
  }
  for (const result of underWay) yield await result;
};

/** A stream read by lengths instead of by chunks, for formats that say how long their next field is. */
export type ByteReader = {
  /** The next `byteCount` bytes in one piece, fewer only when the stream ends before. */
  take(byteCount: number): Promise<Uint8Array>;
  /** The next `byteCount` bytes in the pieces they come in, without holding them; ends early with the stream. */
  pieces(byteCount: number): AsyncGenerator<Uint8Array, void, undefined>;
  /** How many bytes were handed out. */
  position(): number;
};

/** Reads `source` by lengths; the source is given back when `use` ends, however it ends. */
export const readingBytes = async function* (
  source: AsyncIterable<Uint8Array>,
  use: (reader: ByteReader) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  let position = 0;

  const upTo = async (byteCount: number): Promise<Uint8Array | undefined> => {
    while (rest.byteLength === 0) {
      const next = await iterator.next();
      if (next.done === true) return undefined;
      rest = next.value;
    }
    const piece = rest.subarray(0, byteCount);
    rest = rest.subarray(piece.byteLength);
    position += piece.byteLength;
    return piece;
  };

  const pieces = async function* (byteCount: number) {
    let wanted = byteCount;
    while (wanted > 0) {
      const piece = await upTo(wanted);
      if (piece === undefined) return;
      wanted -= piece.byteLength;
      yield piece;
    }
  };

  const take = async (byteCount: number): Promise<Uint8Array> => {
    const parts: Uint8Array[] = [];
    for await (const piece of pieces(byteCount)) parts.push(piece);
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  };

  try {
    yield* use({ take, pieces, position: () => position });
  } finally {
    await iterator.return?.();
  }
};
