/** Settles as `work` does, or with the signal's reason as soon as it aborts; `work` itself is not stopped. */
export const raceAbort = async <T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (signal === undefined) return work;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
};

export type LinkedSignal = {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  /** Lets go of the parents. They may live as long as the process, so this must not be forgotten. */
  unlink(): void;
};

/**
 * A signal that follows its parents until it is let go. `AbortSignal.any` is not used: what it makes hangs on its
 * parents by weak references, and with `AbortSignal.timeout` as one of them it has been collected before it fired.
 */
export const linkSignals = (...parents: readonly (AbortSignal | undefined)[]): LinkedSignal => {
  const own = new AbortController();
  const links = parents
    .filter((parent) => parent !== undefined)
    .map((parent) => {
      const follow = (): void => own.abort(parent.reason);
      if (parent.aborted) follow();
      else parent.addEventListener('abort', follow, { once: true });
      return () => parent.removeEventListener('abort', follow);
    });
  return {
    signal: own.signal,
    abort: (reason) => own.abort(reason),
    unlink: () => {
      for (const unlink of links) unlink();
    },
  };
};

/** The source's items, until the signal aborts; a source that stands still then is left behind, asked to close. */
export async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncIterable<T> {
  const iterator = source[Symbol.asyncIterator]();
  let hasEnded = false;
  try {
    while (true) {
      const step = await raceAbort(iterator.next(), signal);
      if (step.done === true) {
        hasEnded = true;
        return;
      }
      yield step.value;
    }
  } finally {
    // Not awaited: a source that hangs would hang its reader, and what it says while closing concerns nobody any more.
    if (!hasEnded) iterator.return?.().catch(() => undefined);
  }
}
