import { PipelineError } from '../../lib/core/errors.ts';
import type { Clock } from '../../lib/core/ports.ts';

/** Time for what was begun to be ended in order, before it is left to the end of the process. */
const graceMs = 5000;

/**
 * Bounds a whole command. When the time is over, its signal is aborted; what does not listen to that (a disk that does
 * not answer) is left behind a little later. An abort from outside reaches the command through the same signal.
 *
 * @throws 'deadline-exceeded'
 */
export const withDeadline = async <Result>(
  host: { readonly clock: Clock; readonly signal: AbortSignal },
  limit: { readonly seconds: number; readonly variable: string } | undefined,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> => {
  if (limit === undefined) return work(host.signal);
  const deadline = new AbortController();
  const done = new AbortController();
  const signal = AbortSignal.any([host.signal, deadline.signal]);
  const alarm = async (): Promise<never> => {
    await host.clock.sleep(limit.seconds * 1000, done.signal);
    const error = new PipelineError('deadline-exceeded', {
      message: `not done after ${limit.seconds} seconds`,
      hint: `${limit.variable} sets how long it may take. Find out what is slow before you raise it.`,
    });
    deadline.abort(error);
    await host.clock.sleep(graceMs, done.signal);
    throw error;
  };
  try {
    return await Promise.race([work(signal), alarm()]);
  } catch (error) {
    // Whatever the abort led to is told as what it was.
    throw deadline.signal.aborted ? deadline.signal.reason : error;
  } finally {
    done.abort(new Error('the command has ended'));
  }
};
