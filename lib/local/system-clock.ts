import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../core/ports.ts';

/** The longest time that Node's timers can wait; a longer one would end at once. */
const longestTimerMs = 2 ** 31 - 1;

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => new Date(),
  sleep: async (ms, signal) => {
    signal?.throwIfAborted();
    try {
      for (let left = ms; left > 0; left -= longestTimerMs) {
        await wait(Math.min(left, longestTimerMs), undefined, signal === undefined ? {} : { signal });
      }
    } catch (error) {
      // The timer throws an AbortError of its own; what the caller hears is why it was aborted.
      signal?.throwIfAborted();
      throw error;
    }
  },
};
