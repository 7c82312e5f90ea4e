import assert from 'node:assert/strict';
import { bytesOf, faultTest, key, partBytes, readAll, streamed } from './fault-place.ts';

faultTest(
  'optional checksums are left out where the store needs it',
  async ({ proxy, store }) => {
    await store.create(key, streamed(bytesOf(partBytes + 1)));
    await store.replace(key, bytesOf(10));
    await readAll(store);
    for (const { headers } of proxy.requests) {
      const names = Object.keys(headers).filter((name) => /checksum|trailer|sdk-check/.test(name));
      assert.deepEqual(names, []);
    }
  },
  { checksumMode: 'when-required' },
);

faultTest(
  'an encrypted upload says so where S3 wants it said',
  async ({ proxy, store }) => {
    // The server knows no encryption; what is sent is what counts.
    proxy.inject(() => ({ kind: 'answer', status: 400, code: 'InvalidRequest' }));
    await assert.rejects(store.create(key, bytesOf(10)));
    const [request] = proxy.requests;
    assert.equal(request?.headers['x-amz-server-side-encryption'], 'aws:kms');
    assert.equal(request?.headers['x-amz-server-side-encryption-aws-kms-key-id'], 'key');
    assert.equal(request?.headers['x-amz-server-side-encryption-bucket-key-enabled'], 'true');
    assert.equal(request?.headers['x-amz-storage-class'], 'STANDARD_IA');
  },
  { serverSideEncryption: { kind: 'sse-kms', keyId: 'key', bucketKey: true }, storageClass: 'STANDARD_IA' },
);

faultTest(
  'a key of our own goes with writes and reads',
  async ({ proxy, store }) => {
    proxy.inject(() => ({ kind: 'answer', status: 400, code: 'InvalidRequest' }));
    await assert.rejects(store.create(key, bytesOf(10)));
    await assert.rejects(store.open(key));
    await assert.rejects(store.stat(key));
    for (const { headers } of proxy.requests) {
      assert.equal(headers['x-amz-server-side-encryption-customer-algorithm'], 'AES256');
      assert.equal(
        headers['x-amz-server-side-encryption-customer-key'],
        Buffer.alloc(32, 7).toString('base64'),
      );
    }
  },
  { serverSideEncryption: { kind: 'sse-c', key: Buffer.alloc(32, 7) } },
);

faultTest(
  'requests go through the proxy of the settings, but for the hosts that are named',
  async (place, t) => {
    const { proxy, bucket, server } = place;
    const through = await server.openStore(t, { bucket, proxy: { url: proxy.endpoint } });
    assert.equal(await through.create(key, bytesOf(10)), 'created');
    assert.equal(proxy.requests.length, 1);
    assert(proxy.requests[0]?.url.startsWith(server.endpoint), 'it was asked as a proxy');
    const beside = await server.openStore(t, {
      bucket,
      proxy: { url: proxy.endpoint, noProxy: '127.0.0.1' },
    });
    assert.equal(await beside.create(key, bytesOf(10)), 'exists');
    assert.equal(proxy.requests.length, 1);
  },
);

const asked: number[] = [];

faultTest(
  'whoever limits the rate is asked before bytes go out and after they came in',
  async ({ store }) => {
    await store.create(key, bytesOf(200_000));
    assert.deepEqual(asked.splice(0), [200_000]);
    await readAll(store);
    assert.equal(
      asked.reduce((sum, bytes) => sum + bytes, 0),
      200_000,
    );
  },
  { throttle: async (bytes) => void asked.push(bytes) },
);
