import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withDeadline } from '../../../agent/host/deadline.ts';
import { rateLimit } from '../../../agent/host/rate-limit.ts';
import { PipelineError } from '../../../lib/core/errors.ts';
import type { Clock } from '../../../lib/core/ports.ts';

/** A clock that stands still until somebody sleeps, and then is there at once. */
const leapingClock = () => {
  let nowMs = 0;
  const slept: number[] = [];
  const clock: Clock = {
    now: () => new Date(nowMs),
    sleep: async (ms, signal) => {
      slept.push(ms);
      nowMs += ms;
      // What is due anyway goes first, as it does while a real clock runs.
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
      signal?.throwIfAborted();
    },
  };
  return { clock, slept };
};

const limit = { seconds: 900, variable: 'WALWARDEN_WAL_DEADLINE_SECONDS' };
const never = new AbortController().signal;

test('work that is done in time is none of the deadline’s business, and its errors are its own', async () => {
  const { clock } = leapingClock();
  assert.equal(await withDeadline({ clock, signal: never }, limit, async () => 7), 7);
  const failing = withDeadline({ clock, signal: never }, limit, async () => {
    throw new PipelineError('store-denied', { message: 'no' });
  });
  await assert.rejects(failing, { code: 'store-denied' });
});

test('when the time is over the work is aborted, and its failure told as what it was', async () => {
  const { clock } = leapingClock();
  const work = (signal: AbortSignal) =>
    new Promise<number>((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('connection reset')));
    });
  await assert.rejects(withDeadline({ clock, signal: never }, limit, work), {
    code: 'deadline-exceeded',
    message: 'not done after 900 seconds',
    hint: /WALWARDEN_WAL_DEADLINE_SECONDS/,
  });
});

test('what does not listen to the deadline is left behind', async () => {
  const { clock, slept } = leapingClock();
  const deaf = () => new Promise<number>(() => undefined);
  await assert.rejects(withDeadline({ clock, signal: never }, limit, deaf), { code: 'deadline-exceeded' });
  assert.deepEqual(slept, [900_000, 5000]);
});

test('an abort from outside reaches the work through the same signal', async () => {
  const outside = new AbortController();
  const clock: Clock = { now: () => new Date(0), sleep: () => new Promise(() => undefined) };
  const work = (signal: AbortSignal) =>
    new Promise<number>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const running = withDeadline({ clock, signal: outside.signal }, limit, work);
  outside.abort(new PipelineError('interrupted', { message: 'stopped' }));
  await assert.rejects(running, { code: 'interrupted' });
});

test('a rate holds over many calls and after a pause, and without one nobody waits', async () => {
  const { clock, slept } = leapingClock();
  const wait = rateLimit(1000, clock);
  for (let call = 0; call < 10; call += 1) await wait(500);
  assert.equal(clock.now().getTime(), 5000, 'ten times 500 bytes at 1000 bytes a second');
  await clock.sleep(60_000);
  const before = clock.now().getTime();
  await wait(2000);
  assert.equal(clock.now().getTime() - before, 2000, 'what was not used is not saved up');
  slept.length = 0;
  await rateLimit(undefined, clock)(1e12);
  assert.deepEqual(slept, []);
});
