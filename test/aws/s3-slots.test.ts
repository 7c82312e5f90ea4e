import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSlots } from '../../lib/aws/s3-slots.ts';

const { signal } = new AbortController();
const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  const pending = Symbol('pending');
  await new Promise((resolve) => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
};

test('no more places are given out than there are, in the order of asking', async () => {
  const slots = createSlots(2);
  const [first, second] = [await slots.take(signal), await slots.take(signal)];
  const third = slots.take(signal);
  const fourth = slots.take(signal);
  assert.equal(await settled(third), false);
  first();
  first();
  assert.equal(await settled(third), true);
  assert.equal(await settled(fourth), false, 'a place that is given back twice is one place');
  second();
  assert.equal(await settled(fourth), true);
});

test('whoever stops waiting takes no place away from others', async () => {
  const slots = createSlots(1);
  const release = await slots.take(signal);
  const stopping = new AbortController();
  const stopped = slots.take(stopping.signal);
  const waiting = slots.take(signal);
  stopping.abort(new Error('told to stop'));
  await assert.rejects(stopped, /told to stop/);
  release();
  (await waiting)();
  assert.equal(await settled(slots.take(signal)), true);
});

test('an unused holder leaves at once, a resting one after a while, a busy one never', async () => {
  const slots = createSlots(3);
  const left: string[] = [];
  for (const state of ['busy', 'resting', 'unused'] as const) {
    const release = await slots.take(signal);
    slots.offer({
      state: () => state,
      leave: () => {
        left.push(state);
        release();
      },
    });
  }
  await slots.take(signal);
  assert.deepEqual(left, ['unused']);
  await slots.take(signal);
  assert.deepEqual(left, ['unused', 'resting']);
  await assert.rejects(slots.take(AbortSignal.timeout(700)));
  assert.deepEqual(left, ['unused', 'resting']);
});
