import type { ByteRange, CallOptions, ObjectKey, OpenObject } from '../core/ports.ts';
import { linkSignals } from './s3-abort.ts';
import type { S3Body } from './s3-body.ts';
import { readRange } from './s3-get.ts';
import { checkBytes, readStretch, type Stretch } from './s3-read.ts';
import type { S3Context } from './s3-requests.ts';
import { statObject } from './s3-stat.ts';

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {
  // An empty range has no bytes.
}

const collect = async (source: AsyncIterable<Uint8Array>, bytes: number): Promise<Uint8Array> => {
  const whole = Buffer.allocUnsafeSlow(bytes);
  let filled = 0;
  for await (const chunk of source) {
    whole.set(chunk, filled);
    filled += chunk.byteLength;
  }
  return whole;
};

/**
 * Reads a long stretch by several ranged requests at once, and yields it in order. The body that is open already
 * brings the first piece and is then left; every other piece is in memory whole before it is passed on.
 */
async function* readInPieces(
  context: S3Context,
  stretch: Stretch,
  body: S3Body,
  { pieceBytes, pieces }: { readonly pieceBytes: number; readonly pieces: number },
  options: CallOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const linked = linkSignals(options.signal);
  const ahead: Promise<Uint8Array>[] = [];
  let next = Math.min(stretch.start + pieceBytes, stretch.end);
  const first = { ...stretch, end: next };
  const fill = (): void => {
    while (ahead.length < pieces && next < stretch.end) {
      const piece = { ...stretch, start: next, end: Math.min(next + pieceBytes, stretch.end) };
      const read = collect(readStretch(context, piece, undefined, linked), piece.end - piece.start);
      // Its error is thrown when its turn comes; until then it must not count as unhandled.
      read.catch(() => undefined);
      ahead.push(read);
      next = piece.end;
    }
  };
  try {
    fill();
    yield* readStretch(context, first, body, linked);
    for (let piece = ahead.shift(); piece !== undefined; piece = ahead.shift()) {
      const bytes = await piece;
      fill();
      yield bytes;
    }
  } finally {
    linked.abort(new Error('the reader went away'));
    linked.unlink();
    await Promise.allSettled(ahead);
  }
}

const emptyRange = async (
  context: S3Context,
  key: ObjectKey,
  options: CallOptions,
): Promise<OpenObject | undefined> => {
  const facts = await statObject(context, key, options);
  return facts === undefined ? undefined : { facts, content: nothing() };
};

/**
 * One request when nothing is wrong. A range beyond the object's end has no bytes.
 *
 * @see ObjectStore.open
 */
export const openObject = async (
  context: S3Context,
  key: ObjectKey,
  options: CallOptions & { readonly range?: ByteRange } = {},
): Promise<OpenObject | undefined> => {
  const range = options.range ?? { start: 0 };
  if (range.end !== undefined && range.end <= range.start) return emptyRange(context, key, options);
  const answer = await readRange(context, key, range, { signal: options.signal });
  if (answer.kind === 'absent') return undefined;
  if (answer.kind !== 'content') return emptyRange(context, key, options);

  const { facts, body, checksum } = answer;
  const stretch = { facts, start: answer.start, end: answer.end };
  const { parallelReads } = context.settings;
  const isLong = parallelReads !== undefined && stretch.end - stretch.start >= 2 * parallelReads.pieceBytes;
  const bytes = isLong
    ? readInPieces(context, stretch, body, parallelReads, options)
    : readStretch(context, stretch, body, options);
  return { facts, content: checksum === undefined ? bytes : checkBytes(context, stretch, bytes, checksum) };
};
