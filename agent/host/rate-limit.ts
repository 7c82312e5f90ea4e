import type { Clock } from '../../lib/core/ports.ts';

/** Lets its caller wait until so many bytes more fit into the rate. */
export type RateLimit = (bytes: number, signal?: AbortSignal) => Promise<void>;

/** Below the resolution of timers; shorter waits are saved up for the next call. */
const shortestPauseMs = 5;

/**
 * One rate for everybody who shares the limit. What was not used is not saved up: after a pause nobody bursts. The bytes
 * are paid for before they pass, so that a process that sends one segment and ends keeps the rate too.
 */
export const rateLimit = (bytesPerSecond: number | undefined, clock: Clock): RateLimit => {
  if (bytesPerSecond === undefined) return async () => undefined;
  let paidUntilMs = 0;
  return async (bytes, signal) => {
    const nowMs = clock.now().getTime();
    paidUntilMs = Math.max(paidUntilMs, nowMs) + (bytes / bytesPerSecond) * 1000;
    const pauseMs = paidUntilMs - nowMs;
    if (pauseMs >= shortestPauseMs) await clock.sleep(pauseMs, signal);
  };
};
