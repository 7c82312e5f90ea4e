import type { Readable } from 'node:stream';

/** The body of an answer, and what becomes of its connection while nobody reads it. */
export type S3Body = {
  readonly stream: Readable;
  /** 'unused' until its first chunk is asked for, 'busy' while one is awaited, 'resting' in between. */
  state: 'unused' | 'resting' | 'busy';
  /** Its connection was given to somebody else. That is no fault of the store: the rest is asked for anew. */
  isGivenUp: boolean;
};

class BodyStalled extends Error {}

/** What Node's streams say when the other side, or we ourselves, end a body in the middle. */
const isPremature = (thrown: Error): boolean => /aborted|premature close/i.test(thrown.message);

/** Whether the error is the end of a connection in the middle of a body. */
export const isCut = (thrown: Error): boolean => thrown instanceof BodyStalled || isPremature(thrown);

/**
 * The body's chunks. While one is awaited the clock runs, and a body that brings nothing for `stallMs` is given up; a
 * reader that takes its time costs nothing here.
 */
export async function* bodyChunks(
  body: S3Body,
  stallMs: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { stream } = body;
  const onAbort = (): void => {
    stream.destroy(new Error('the reading was aborted'));
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  const iterator: AsyncIterator<Uint8Array> = stream[Symbol.asyncIterator]();
  try {
    while (true) {
      const timer = setTimeout(
        () => stream.destroy(new BodyStalled(`nothing came for ${stallMs} ms`)),
        stallMs,
      );
      body.state = 'busy';
      const step = await iterator.next().finally(() => clearTimeout(timer));
      body.state = 'resting';
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    stream.destroy();
  }
}
