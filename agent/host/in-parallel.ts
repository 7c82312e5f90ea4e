/**
 * Works on items as they come, at most `jobs` at a time; an item is asked for only when there is a worker for it. The
 * first failure aborts the signal that the others got and is thrown once they have ended, so that nothing outlives the
 * call.
 */
export const inParallel = async <Item>(
  items: AsyncIterable<Item>,
  jobs: number,
  outer: AbortSignal,
  work: (item: Item, signal: AbortSignal) => Promise<void>,
): Promise<void> => {
  const iterator = items[Symbol.asyncIterator]();
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  let failure: { readonly reason: unknown } | undefined;
  // Only one may ask the iterator at a time; the others wait their turn.
  let turn: Promise<unknown> = Promise.resolve();
  const nextItem = (): Promise<IteratorResult<Item>> => {
    const next = turn.then(() => iterator.next());
    turn = next.catch(() => undefined);
    return next;
  };
  const worker = async (): Promise<void> => {
    try {
      for (;;) {
        signal.throwIfAborted();
        const next = await nextItem();
        if (next.done === true) return;
        await work(next.value, signal);
      }
    } catch (reason) {
      failure ??= { reason };
      stop.abort(reason);
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  if (failure === undefined) return;
  await iterator.return?.();
  throw failure.reason;
};
