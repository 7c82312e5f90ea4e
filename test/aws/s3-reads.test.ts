import assert from 'node:assert/strict';
import { isPipelineError } from '../../lib/core/errors.ts';
import { bytesOf, faultTest, key, partBytes, readAll, streamed } from './fault-place.ts';

for (const fault of ['cut', 'stall'] as const) {
  faultTest(
    `a body that is ${fault} in the middle is taken up where it broke off`,
    async ({ proxy, store }) => {
      const bytes = bytesOf(3_000_000);
      await store.create(key, bytes);
      proxy.inject((_request, number) => (number <= 2 ? { kind: fault, afterBytes: 1_000_001 } : undefined));
      assert.deepEqual(await readAll(store), bytes);
      assert.deepEqual(
        proxy.requests.map(({ method, headers }) => [method, headers.range?.replace(/\d+-/, 'n-')]),
        [
          ['PUT', undefined],
          ['GET', undefined],
          ['GET', 'bytes=n-2999999'],
          ['GET', 'bytes=n-2999999'],
        ],
      );
      assert(proxy.requests[2]?.headers['if-match'] !== undefined, 'only of the same version');
    },
    { stallMs: 300 },
  );
}

faultTest(
  'a body that is cut again and again without progress is an error, not the end of the object',
  async ({ proxy, store }) => {
    await store.create(key, bytesOf(100_000));
    proxy.inject(() => ({ kind: 'cut', afterBytes: 10 }));
    await assert.rejects(readAll(store), (thrown) => {
      assert(isPipelineError(thrown, 'store-unavailable'), String(thrown));
      assert.match(thrown.message, /was cut short 4 times, last after \d+ of 100000 bytes/);
      return true;
    });
  },
  { maxAttempts: 4 },
);

faultTest('an object that is replaced while its body is cut is an error, not a mixture', async (place) => {
  const { proxy, store } = place;
  await store.replace(key, bytesOf(1_000_000));
  proxy.inject((_request, number) => (number === 1 ? { kind: 'cut', afterBytes: 500_000 } : undefined));
  const object = await store.open(key);
  assert(object !== undefined, 'the object is there');
  await store.replace(key, Buffer.alloc(1_000_000));
  const read = async () => {
    for await (const _ of object.content);
  };
  await assert.rejects(read(), (thrown) => {
    assert(isPipelineError(thrown, 'store-unavailable'), String(thrown));
    assert.match(thrown.message, /the object was replaced meanwhile/);
    return true;
  });
});

for (const [what, bytes, options] of [
  ['one request', 100_000, {}],
  ['parallel reads', 1_000_000, { parallelReads: { pieceBytes: 100_000, pieces: 3 } }],
] as const) {
  faultTest(
    `a bit that turned over on the way is an error in ${what}`,
    async ({ proxy, store }) => {
      await store.create(key, streamed(bytesOf(bytes)));
      proxy.inject((_request, number) => (number === 1 ? { kind: 'flip', at: 77_777 } : undefined));
      await assert.rejects(readAll(store), (thrown) => {
        assert(isPipelineError(thrown, 'store-unavailable'), String(thrown));
        assert.match(thrown.message, /brought bytes whose CRC32 is/);
        return true;
      });
      proxy.inject(() => undefined);
      assert.deepEqual(await readAll(store), bytesOf(bytes));
    },
    options,
  );
}

faultTest('an object that was uploaded in parts is checked as a whole too', async ({ proxy, store }) => {
  const bytes = bytesOf(partBytes + 100_000);
  assert.equal(await store.create(key, streamed(bytes)), 'created');
  assert.equal(proxy.requests.length, 4, 'begin, two parts, completion');
  assert.deepEqual(await readAll(store), bytes);
  proxy.inject(() => ({ kind: 'flip', at: 7 }));
  await assert.rejects(readAll(store), /brought bytes whose CRC32 is/);
});
