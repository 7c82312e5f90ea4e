import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openS3Store, type S3StoreOptions } from '../../lib/aws/s3-store.ts';
import { isPipelineError } from '../../lib/core/errors.ts';
import { systemClock } from '../../lib/local/system-clock.ts';

const place = { bucket: 'backups', prefix: 'main', region: 'us-east-1', clock: systemClock };

test('a store names its place without secrets', async () => {
  const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' };
  const store = await openS3Store({ ...place, credentials, endpoint: 'https://127.0.0.1:1' });
  assert.equal(store.location, 's3://backups/main');
  await store.close();
});

for (const [what, options] of [
  ['parts below the 5 MiB of S3', { partBytes: 5 * 1024 * 1024 - 1 }],
  ['parts beyond the 5 GiB of S3', { partBytes: 5 * 1024 ** 3 + 1 }],
  ['no connections', { concurrency: 0 }],
  ['half a connection', { concurrency: 0.5 }],
  ['no attempts', { maxAttempts: 0 }],
  ['no time', { deadlineMs: 0 }],
  ['more time than a timer has', { stallMs: 2 ** 31 }],
  ['an SSE-C key of 31 bytes', { serverSideEncryption: { kind: 'sse-c', key: new Uint8Array(31) } }],
  ['an endpoint without a scheme', { endpoint: '127.0.0.1:9000' }],
  ['an endpoint with a password', { endpoint: 'https://user:pass@127.0.0.1' }],
  ['a proxy that is none of HTTP', { proxy: { url: 'socks5://127.0.0.1' } }],
] as const satisfies readonly (readonly [string, Partial<S3StoreOptions>])[]) {
  test(`a store with ${what} is refused`, async () => {
    await assert.rejects(openS3Store({ ...place, ...options }), (thrown) =>
      isPipelineError(thrown, 'settings-invalid'),
    );
  });
}
