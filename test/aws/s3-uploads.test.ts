import assert from 'node:assert/strict';
import { isPipelineError } from '../../lib/core/errors.ts';
import type { ByteSource } from '../../lib/core/ports.ts';
import type { Fault, FaultProxy, SeenRequest } from '../support/fault-proxy.ts';
import {
  bytesOf,
  faultTest,
  key,
  openUploads,
  partBytes,
  readAll,
  storedBytes,
  streamed,
  unavailable,
} from './fault-place.ts';

const operationOf = ({ method, url }: SeenRequest): string => {
  if (method === 'POST') return /[?&]uploads/.test(url) ? 'begin' : 'complete';
  if (method === 'PUT')
    return url.includes('partNumber=1&') || url.endsWith('partNumber=1')
      ? 'part 1'
      : url.includes('partNumber=')
        ? 'part'
        : 'put';
  return method;
};

const onOperation = (proxy: FaultProxy, operation: string, fault: Fault, times = 1): void => {
  let left = times;
  proxy.inject((request) => {
    if (operationOf(request) !== operation || left === 0) return undefined;
    left -= 1;
    return fault;
  });
};

const longBody: readonly (readonly [string, () => ByteSource])[] = [
  ['bytes', () => bytesOf(2 * partBytes + 1)],
  ['a stream', () => streamed(bytesOf(2 * partBytes + 1))],
];

for (const operation of ['begin', 'part 1', 'part', 'complete'] as const) {
  faultTest(`an upload goes on after an error of the server at its ${operation}`, async (place) => {
    onOperation(place.proxy, operation, { kind: 'answer', status: 500, code: 'InternalError' });
    assert.equal(await place.store.create(key, streamed(bytesOf(2 * partBytes + 1))), 'created');
    assert.deepEqual(await readAll(place.store), bytesOf(2 * partBytes + 1));
  });

  faultTest(`an upload that is denied at its ${operation} leaves no object and no parts`, async (place) => {
    onOperation(place.proxy, operation, { kind: 'answer', status: 403, code: 'AccessDenied' }, 99);
    const creation = place.store.create(key, streamed(bytesOf(2 * partBytes + 1)));
    await assert.rejects(creation, (thrown) => isPipelineError(thrown, 'store-denied'));
    assert.equal(await storedBytes(place), undefined);
    assert.equal(await openUploads(place), 0);
  });
}

for (const [what, body] of longBody) {
  faultTest(
    `an upload of ${what} whose completion was done but not answered is found to be done`,
    async (place) => {
      onOperation(place.proxy, 'complete', { kind: 'lose answer' });
      assert.equal(await place.store.create(key, body()), 'created');
      assert.equal(await storedBytes(place), 2 * partBytes + 1);
    },
  );

  faultTest(
    `an upload of ${what} that lost a race is aborted and says that the object exists`,
    async (place) => {
      await place.store.create(key, bytesOf(10));
      assert.equal(await place.store.create(key, body()), 'exists');
      assert.equal(await storedBytes(place), 10);
      assert.equal(await openUploads(place), 0);
    },
  );
}

faultTest('a conflict at the completion begins an upload of bytes anew', async (place) => {
  onOperation(place.proxy, 'complete', { kind: 'answer', status: 409, code: 'ConditionalRequestConflict' });
  assert.equal(await place.store.create(key, bytesOf(partBytes + 1)), 'created');
  assert.equal(place.proxy.requests.filter((request) => operationOf(request) === 'begin').length, 2);
  assert.equal(await openUploads(place), 0);
});

faultTest(
  'a conflict at the completion of a stream, whose bytes are gone, asks for another try',
  async (place) => {
    onOperation(place.proxy, 'complete', { kind: 'answer', status: 409, code: 'ConditionalRequestConflict' });
    await assert.rejects(place.store.create(key, streamed(bytesOf(partBytes + 1))), unavailable);
    assert.equal(await storedBytes(place), undefined);
    assert.equal(await openUploads(place), 0);
  },
);

faultTest('an upload that is aborted while a part hangs ends at once and leaves nothing', async (place) => {
  onOperation(place.proxy, 'part', { kind: 'hang' });
  const reason = new Error('told to stop');
  const stopping = new AbortController();
  const body = async function* () {
    yield* streamed(bytesOf(3 * partBytes));
    stopping.abort(reason);
    await new Promise(() => undefined);
  };
  const creation = place.store.create(key, body(), { signal: stopping.signal });
  await assert.rejects(creation, (thrown) => thrown === reason);
  assert.equal(await storedBytes(place), undefined);
  assert.equal(await openUploads(place), 0);
});

faultTest('a stream of 200 MiB is uploaded with the memory of a few parts', async ({ bucket, server }, t) => {
  const store = await server.openStore(t, { bucket, partBytes });
  const chunk = Buffer.alloc(256 * 1024, 'walwarden');
  const before = process.memoryUsage().rss;
  let most = 0;
  const body = async function* () {
    for (let sent = 0; sent < 200 * 1024 * 1024; sent += chunk.byteLength) {
      most = Math.max(most, process.memoryUsage().rss - before);
      yield chunk;
    }
  };
  assert.equal(await store.create(key, body()), 'created');
  assert.equal((await store.stat(key))?.objectBytes, 200 * 1024 * 1024);
  t.diagnostic(`grew by ${(most / 1024 / 1024).toFixed(0)} MiB at most`);
  // Five parts of 5 MiB, what the collector has not taken back yet, and the client's own.
  assert(most < 120 * 1024 * 1024, `memory grew by ${most} bytes`);
});
