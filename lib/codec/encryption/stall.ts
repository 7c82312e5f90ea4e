/** How a source is being read: it is waited for as long as `isWaiting`. */
export type SourcePulls = { readonly count: () => number; readonly isWaiting: () => boolean };

/** A source with its own failure kept apart from that of its reader, and given back by `close` however reading ended. */
export const watchSource = (source: AsyncIterable<Uint8Array>) => {
  const iterator = source[Symbol.asyncIterator]();
  let failure: { readonly error: unknown } | undefined;
  let count = 0;
  let isWaiting = false;
  const stream = async function* () {
    for (;;) {
      count += 1;
      isWaiting = true;
      try {
        const next = await iterator.next();
        if (next.done === true) return;
        isWaiting = false;
        yield next.value;
      } catch (error) {
        failure = { error };
        throw error;
      } finally {
        isWaiting = false;
      }
    }
  };
  const pulls: SourcePulls = { count: () => count, isWaiting: () => isWaiting };
  return {
    stream: stream(),
    pulls,
    rethrow: () => {
      if (failure !== undefined) throw failure.error;
    },
    close: async () => {
      await iterator.return?.();
    },
  };
};

/**
 * Passes on what a library makes of a source, and throws when for `stallMs` it neither asked for more of the source nor
 * gave anything. OpenPGP.js 6.3.2 waits for ever on some damaged messages (an encrypted packet whose kind was changed
 * to an unknown one); without a timer the process would then end in silence in the middle of its work.
 */
export const whileMoving = async function* (
  output: AsyncGenerator<Uint8Array, void, undefined>,
  pulls: SourcePulls,
  stallMs: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let isStalled = false;
  try {
    for (;;) {
      const next = await unlessStalled(output.next(), pulls, stallMs);
      if (next === undefined) {
        isStalled = true;
        throw new Error(`nothing moved for ${stallMs} ms`);
      }
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // A generator that never comes back cannot be asked to return either.
    if (!isStalled) await output.return();
  }
};

const unlessStalled = <Value>(
  work: Promise<Value>,
  pulls: SourcePulls,
  stallMs: number,
): Promise<Value | undefined> => {
  const { promise, resolve, reject } = Promise.withResolvers<Value | undefined>();
  let seen = -1;
  const timer = setInterval(() => {
    if (!pulls.isWaiting() && pulls.count() === seen) resolve(undefined);
    seen = pulls.isWaiting() ? -1 : pulls.count();
  }, stallMs);
  work.then(resolve, reject);
  return promise.finally(() => clearInterval(timer));
};
