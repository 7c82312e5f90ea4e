import assert from 'node:assert/strict';
import { parseObjectKey } from '../../lib/core/archive/object-key.ts';
import { isPipelineError } from '../../lib/core/errors.ts';
import type { Fault } from '../support/fault-proxy.ts';
import {
  bytesOf,
  faultTest,
  first,
  key,
  partBytes,
  readAll,
  storedBytes,
  streamed,
  unavailable,
} from './fault-place.ts';

faultTest('a small object is created with one request and opened with one', async ({ proxy, store }) => {
  assert.equal(await store.create(key, bytesOf(1000)), 'created');
  assert.equal(proxy.requests.length, 1);
  assert.equal(await store.create(parseObjectKey('wal_005/b'), streamed(bytesOf(partBytes))), 'created');
  assert.equal(proxy.requests.length, 2, 'a stream of up to one part is one request too');
  await readAll(store);
  assert.equal(proxy.requests.length, 3);
  assert.equal(proxy.requests[0]?.headers['if-none-match'], '*');
  assert.match(proxy.requests[0]?.headers['x-amz-checksum-crc32']?.toString() ?? '', /^[\w+/]{6}==$/);
});

faultTest('a store that was opened has sent nothing yet', async ({ proxy }) => {
  assert.equal(proxy.requests.length, 0);
});

for (const fault of [
  { kind: 'answer', status: 500, code: 'InternalError' },
  { kind: 'answer', status: 503, code: 'SlowDown' },
  { kind: 'answer', status: 409, code: 'ConditionalRequestConflict' },
  { kind: 'answer', status: 400, code: 'RequestTimeout' },
  { kind: 'answer', status: 502 },
  { kind: 'reset' },
] as const satisfies readonly Fault[]) {
  const name =
    fault.kind === 'reset'
      ? 'a broken connection'
      : `${fault.status} ${'code' in fault ? fault.code : ''}`.trim();
  faultTest(`a creator tries again after ${name}`, async (place) => {
    const { proxy, store } = place;
    proxy.inject(first(fault));
    assert.equal(await store.create(key, streamed(bytesOf(1000))), 'created');
    // Where no answer came, a look comes before the second attempt.
    assert.equal(proxy.requests.length, fault.kind === 'answer' ? 2 : 3);
    assert.equal(await storedBytes(place), 1000);
  });
}

for (const [what, length] of [
  ['one request', 1000],
  ['parts', partBytes + 1],
] as const) {
  for (const kind of ['lose answer', 'twice'] as const) {
    const how = kind === 'twice' ? 'delivered twice' : 'done but never answered';
    faultTest(`an object written in ${what} that is ${how} is known as its creator's own`, async (place) => {
      // Every write once, its repetition not.
      const seen = new Set<string>();
      place.proxy.inject(({ method, url }) => {
        if (method === 'HEAD' || seen.has(url)) return undefined;
        seen.add(url);
        return { kind };
      });
      assert.equal(await place.store.create(key, bytesOf(length)), 'created');
      assert.deepEqual(await readAll(place.store), bytesOf(length));
      assert.equal(await place.store.create(key, bytesOf(length)), 'exists', 'by another creation');
    });
  }
}

faultTest(
  'a refusal that always breaks the connection instead of being answered is found out',
  async (place) => {
    assert.equal(await place.store.create(key, bytesOf(1000)), 'created');
    place.proxy.inject(({ method }) => (method === 'PUT' ? { kind: 'lose answer' } : undefined));
    assert.equal(await place.store.create(key, bytesOf(2000)), 'exists');
    assert.deepEqual(await readAll(place.store), bytesOf(1000));
  },
);

faultTest('whoever may not look whose object it is hears that it exists', async (place) => {
  place.proxy.inject(({ method }) =>
    method === 'HEAD' ? { kind: 'answer', status: 403 } : { kind: 'twice' },
  );
  assert.equal(await place.store.create(key, bytesOf(1000)), 'exists');
  assert.equal(await storedBytes(place), 1000);
});

faultTest(
  'an error that stays is thrown after as many attempts as are allowed',
  async ({ proxy, store }) => {
    proxy.inject(() => ({ kind: 'answer', status: 503, code: 'SlowDown' }));
    await assert.rejects(store.create(key, bytesOf(10)), (thrown) => {
      assert(isPipelineError(thrown, 'store-unavailable'), String(thrown));
      assert.match(
        thrown.message,
        /^PutObject of s3:\/\/bucket-\d+\/clusters\/main\/wal_005\/a failed with SlowDown/,
      );
      assert.match(thrown.message, /request id FAULT123, after 3 attempts$/);
      assert.match(thrown.hint ?? '', /lower the concurrency/);
      return true;
    });
    assert.equal(proxy.requests.length, 3);
  },
  { maxAttempts: 3 },
);

faultTest('a refusal is not tried again', async ({ proxy, store }) => {
  proxy.inject(() => ({ kind: 'answer', status: 403, code: 'AccessDenied' }));
  await assert.rejects(store.open(key), (thrown) => isPipelineError(thrown, 'store-denied'));
  assert.equal(proxy.requests.length, 1);
});

for (const operation of ['create', 'open', 'stat', 'list', 'replace', 'remove'] as const) {
  faultTest(
    `${operation} ends at its deadline when nobody answers`,
    async ({ proxy, store }) => {
      proxy.inject(() => ({ kind: 'hang' }));
      const calls = {
        create: () => store.create(key, bytesOf(10)),
        open: () => store.open(key),
        stat: () => store.stat(key),
        list: () => store.list('')[Symbol.asyncIterator]().next(),
        replace: () => store.replace(key, bytesOf(10)),
        remove: () => store.remove(key, { version: 'any' }),
      };
      const begin = performance.now();
      await assert.rejects(calls[operation](), unavailable);
      assert(performance.now() - begin < 5_000, 'the deadline is half a second');
    },
    { deadlineMs: 500 },
  );
}

faultTest(
  'a request on which nothing moves is given up and tried again',
  async ({ proxy, store }) => {
    proxy.inject(first({ kind: 'hang' }));
    assert.equal(await store.create(key, bytesOf(1000)), 'created');
  },
  { stallMs: 200 },
);

faultTest(
  'a bucket that is missing is a mistake in the settings, and no absence',
  async ({ store }) => {
    const isMisconfigured = (thrown: unknown) => isPipelineError(thrown, 'store-misconfigured');
    await assert.rejects(store.open(key), isMisconfigured);
    await assert.rejects(store.stat(key), isMisconfigured);
    await assert.rejects(store.create(key, bytesOf(1)), isMisconfigured);
    await assert.rejects(store.list('')[Symbol.asyncIterator]().next(), isMisconfigured);
  },
  { bucket: 'no-such-bucket' },
);

faultTest('a 404 that is not S3 speaking proves no absence', async ({ proxy, store }) => {
  proxy.inject(() => ({ kind: 'answer', status: 404 }));
  await assert.rejects(store.open(key), (thrown) => isPipelineError(thrown, 'store-misconfigured'));
  await assert.rejects(store.stat(key), (thrown) => isPipelineError(thrown, 'store-misconfigured'));
});

faultTest('stat asks twice before it says that an object is absent', async ({ proxy, store }) => {
  assert.equal(await store.stat(key), undefined);
  assert.deepEqual(
    proxy.requests.map(({ method }) => method),
    ['HEAD', 'GET'],
  );
});

faultTest('a store without conditional deletes gets a plain one after a look', async ({ proxy, store }) => {
  await store.create(key, bytesOf(10));
  const version = (await store.stat(key))?.version ?? '';
  proxy.inject((request) =>
    request.method === 'DELETE' && request.headers['if-match'] !== undefined
      ? { kind: 'answer', status: 501, code: 'NotImplemented' }
      : undefined,
  );
  assert.equal(await store.remove(key, { version }), 'removed');
  assert.equal(await store.stat(key), undefined);
});
