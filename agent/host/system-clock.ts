import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../../lib/core/ports.ts';

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => new Date(),
  sleep: async (ms, signal) => {
    try {
      await setTimeout(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};
