import { raceAbort } from './s3-abort.ts';

export type Slots = {
  /** Waits for a free one, at most until the signal aborts; the answer gives it back, and may be called twice. */
  take(signal: AbortSignal): Promise<() => void>;
};

/**
 * A fixed number of places, given out in the order of asking. Requests wait here and not in the HTTP agent, where the
 * wait for a socket would count as time to connect.
 */
export const createSlots = (count: number): Slots => {
  let free = count;
  const waiting: (() => void)[] = [];

  const giveBack = (): void => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  };

  const releaseOnce = (): (() => void) => {
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      giveBack();
    };
  };

  return {
    take: async (signal) => {
      signal.throwIfAborted();
      if (free > 0) {
        free -= 1;
        return releaseOnce();
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push(resolve);
      try {
        await raceAbort(promise, signal);
      } catch (error) {
        const place = waiting.indexOf(resolve);
        // Already called: the place came in the same moment as the abort, and goes on to the next.
        if (place === -1) giveBack();
        else waiting.splice(place, 1);
        throw error;
      }
      return releaseOnce();
    },
  };
};
