import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { probeConditionalWrites } from '../../lib/aws/s3-probe.ts';
import type { S3StoreOptions } from '../../lib/aws/s3-store.ts';
import { parseObjectKey } from '../../lib/core/archive/object-key.ts';
import { verifyObjectStore } from '../contracts/object-store.ts';
import { startS3Server } from '../support/s3-server.ts';

const server = await startS3Server({ after });

const variants: readonly (readonly [string, Partial<S3StoreOptions>])[] = [
  ['S3 store', {}],
  ['S3 store that has the bucket to itself', { prefix: '' }],
  ['S3 store without optional checksums', { checksumMode: 'when-required' }],
  ['S3 store with parallel reads', { parallelReads: { pieceBytes: 1_000_000, pieces: 3 } }],
  ['S3 store with one connection', { concurrency: 1 }],
];

if ('missing' in server) {
  test('the S3 store keeps the contract', { skip: server.missing });
} else {
  for (const [name, options] of variants) {
    // One variant of many pages is enough of them.
    const listedObjects = name === 'S3 store' ? 1200 : 30;
    verifyObjectStore(name, (t) => server.openStore(t, options), { listedObjects });
  }

  test('a server that refuses to overwrite passes the probe of conditional writes, again and again', async (t) => {
    const store = await server.openStore(t);
    const keys = { whole: parseObjectKey('probes/whole'), inParts: parseObjectKey('probes/in-parts') };
    assert.deepEqual(await probeConditionalWrites(store, keys), { kept: true });
    assert.deepEqual(await probeConditionalWrites(store, keys), { kept: true });
  });

  const tries = Number(process.env.WALWARDEN_RACE_TRIES ?? 25);
  for (const [what, bytes] of [
    ['in one request', 4_000],
    ['in parts', 5 * 1024 * 1024 + 1],
  ] as const) {
    const count = bytes > 1_000_000 ? Math.ceil(tries / 10) : tries;
    test(`of two creators of one key ${what} exactly one wins, in ${count} tries`, async (t) => {
      const bucket = await server.createBucket();
      const stores = [await server.openStore(t, { bucket }), await server.openStore(t, { bucket })];
      for (let attempt = 0; attempt < count; attempt += 1) {
        const key = parseObjectKey(`wal_005/${attempt}`);
        const outcomes = await Promise.all(
          stores.map((store, index) => store.create(key, Buffer.alloc(bytes, index))),
        );
        assert.deepEqual(outcomes.toSorted(), ['created', 'exists'], `try ${attempt}`);
        const [reader] = stores;
        const object = await reader?.open(key);
        assert(object !== undefined, 'the object is there');
        let length = 0;
        for await (const chunk of object.content) {
          length += chunk.byteLength;
          assert(
            chunk.every((byte) => byte === outcomes.indexOf('created')),
            'it holds the bytes of the winner',
          );
        }
        assert.equal(length, bytes);
      }
    });
  }
}
