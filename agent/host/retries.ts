import { isPipelineError } from '../../lib/core/errors.ts';
import type { Clock } from '../../lib/core/ports.ts';
import type { Log } from './log.ts';

/**
 * Tries again what may heal by itself (errors whose table row says `retry: 'later'`), with growing pauses, for at most
 * `seconds`; then lets the last error through. The first try is always made.
 */
export const withRetries = async <Result>(
  limits: {
    readonly clock: Clock;
    readonly log: Log;
    readonly signal: AbortSignal;
    readonly seconds: number;
  },
  action: string,
  attempt: () => Promise<Result>,
): Promise<Result> => {
  const giveUpAt = limits.clock.now().getTime() + limits.seconds * 1000;
  for (let pauseMs = 200; ; pauseMs = Math.min(pauseMs * 2, 5000)) {
    try {
      return await attempt();
    } catch (error) {
      const mayHeal = isPipelineError(error) && error.code !== 'interrupted' && error.retry === 'later';
      if (!mayHeal || limits.clock.now().getTime() + pauseMs > giveUpAt) throw error;
      limits.log.warn(action, { state: 'retry', code: error.code, pauseMs }, error.message);
      await limits.clock.sleep(pauseMs, limits.signal);
    }
  }
};
