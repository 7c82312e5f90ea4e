import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../lib/local/system-clock.ts';

test('now is the time of this machine', () => {
  const before = Date.now();
  const now = systemClock.now().getTime();
  assert(before <= now && now <= Date.now(), 'the clock reads between two looks at the machine');
});

test('sleep ends after its time', async () => {
  const begin = performance.now();
  await systemClock.sleep(20);
  assert(performance.now() - begin >= 15, 'it took about the time asked for');
});

test('sleep of a month can be aborted, and throws the reason', async () => {
  const controller = new AbortController();
  const reason = new Error('shutting down');
  const sleeping = systemClock.sleep(31 * 24 * 3600 * 1000, controller.signal);
  controller.abort(reason);
  await assert.rejects(sleeping, (thrown) => thrown === reason);
});

test('sleep does not begin once the signal is aborted', async () => {
  const reason = new Error('already over');
  await assert.rejects(systemClock.sleep(0, AbortSignal.abort(reason)), (thrown) => thrown === reason);
});
