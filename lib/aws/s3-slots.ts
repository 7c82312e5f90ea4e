import { raceAbort } from './s3-abort.ts';

/**
 * A holder that can do without its place for a while: 'unused' as long as nobody has touched what it holds the place
 * for, 'resting' while its user is busy with something else. It is told to go before anyone waits for ever.
 */
export type Holder = { readonly state: () => 'unused' | 'resting' | 'busy'; readonly leave: () => void };

export type Slots = {
  /** Waits for a free one, at most until the signal aborts; the answer gives it back, and may be called twice. */
  take(signal: AbortSignal): Promise<() => void>;
  /** Names a holder; the answer takes the name back. */
  offer(holder: Holder): () => void;
};

// Who reads slowly loses the connection only to one who waited longer than it takes to set up a new one.
const patienceMs = 500;

/**
 * A fixed number of places, given out in the order of asking. Requests wait here and not in the HTTP agent, where the
 * wait for a socket would count as time to connect.
 */
export const createSlots = (count: number): Slots => {
  let free = count;
  const waiting: (() => void)[] = [];
  // Oldest first, which is the least likely to be wanted still.
  const offered = new Set<Holder>();

  const askToLeave = (states: readonly string[]): void => {
    const holder = offered.values().find(({ state }) => states.includes(state()));
    if (holder === undefined) return;
    offered.delete(holder);
    holder.leave();
  };

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
      askToLeave(['unused']);
      const timer = setInterval(() => askToLeave(['unused', 'resting']), patienceMs);
      try {
        await raceAbort(promise, signal);
      } catch (error) {
        const place = waiting.indexOf(resolve);
        // Already called: the place came in the same moment as the abort, and goes on to the next.
        if (place === -1) giveBack();
        else waiting.splice(place, 1);
        throw error;
      } finally {
        clearInterval(timer);
      }
      return releaseOnce();
    },
    offer: (holder) => {
      offered.add(holder);
      return () => offered.delete(holder);
    },
  };
};
