import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseObjectKey } from '../../lib/core/archive/object-key.ts';
import { verifyObjectStore } from '../contracts/object-store.ts';
import { openMemoryStore } from './memory-store.ts';

verifyObjectStore('memory store', async () => openMemoryStore());

test('memory store: a test can spoil an object without the store noticing', async () => {
  const store = openMemoryStore();
  const key = parseObjectKey('w/a');
  await store.create(key, Buffer.from('sound'));
  const before = await store.stat(key);
  store.corrupt(key, (bytes) => bytes.fill(0x78, 0, 1));
  assert.equal(Buffer.from(store.bytesOf(key) ?? []).toString(), 'xound');
  assert.deepEqual(await store.stat(key), before);
});
