import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import type { Fault, SeenRequest } from '../support/fault-proxy.ts';
import { describeRequest, onS3, openFaultyArchive } from '../support/s3-test-archive.ts';
import { ourSystem, walPlace, walSegment } from '../support/wal-files.ts';

const [first, second] = ['000000010000000000000001', '000000010000000000000002'] as const;

/** As S3 answers a role without s3:ListBucket (Amazon S3 API, GetObject and HeadObject, "Permissions"). */
const withoutListBucket = (request: SeenRequest): Fault | undefined =>
  describeRequest(request).startsWith('LIST')
    ? { kind: 'answer', status: 403, code: 'AccessDenied' }
    : { kind: 'hide absence' };

await onS3((_store, server) => {
  test('a role that may not list the bucket pushes, from the first file on', async (t) => {
    const archive = await openFaultyArchive(t, server);
    archive.proxy.inject(withoutListBucket);
    const place = walPlace(t, archive, ourSystem);
    for (const name of [first, second, first]) {
      const { status, stderr } = await place.push(name, walSegment({ name }));
      assert.equal(status, 0, stderr);
    }
    assert.deepEqual(await archive.keys('wal_005/'), [`wal_005/${first}.lz4`, `wal_005/${second}.lz4`]);
    assert.deepEqual(await archive.keys('walwarden/'), ['walwarden/incarnations/000001.json']);
    const differs = await place.push(first, walSegment({ name: first, seed: 2 }));
    assert.equal(differs.status, 22, differs.stderr);
  });

  test('a role that may not list the bucket is never told that a file is absent, but what right it lacks', async (t) => {
    const archive = await openFaultyArchive(t, server);
    const place = walPlace(t, archive, ourSystem);
    assert.equal((await place.push(first, walSegment({ name: first }))).status, 0);
    archive.proxy.inject(withoutListBucket);
    assert(walSegment({ name: first }).equals(await place.fetched(first)), 'what is there it fetches');
    const absent = await place.fetch(second);
    assert.equal(absent.status, 255, absent.stderr);
    assert.match(absent.stderr, /store-denied/);
    assert.match(absent.stderr, /s3:ListBucket on the bucket bucket-\d+/);
    assert.deepEqual(await place.files(), []);
  });

  test('a store that overwrites although it is told not to is refused before anything is archived', async (t) => {
    for (const ignoredBy of ['PutObject', 'CompleteMultipartUpload']) {
      const archive = await openFaultyArchive(t, server);
      const place = walPlace(t, archive, ourSystem);
      archive.proxy.inject(({ method, url, headers }) => {
        const isMeant = method === (ignoredBy === 'PutObject' ? 'PUT' : 'POST');
        if (!isMeant || headers['if-none-match'] === undefined) return undefined;
        // The header is signed and cannot be taken away; without the object that it is about it has no effect.
        const Key = new URL(url, 'http://any').pathname.split('/').slice(2).join('/');
        const removal = new DeleteObjectCommand({ Bucket: archive.bucket, Key });
        return { kind: 'meanwhile', work: () => server.client.send(removal) };
      });
      const refused = await place.push(first, walSegment({ name: first }));
      assert.equal(refused.status, 36, refused.stderr);
      assert.match(refused.stderr, /store-misconfigured/);
      assert(refused.stderr.includes(`If-None-Match of ${ignoredBy} is ignored`), refused.stderr);
      assert.deepEqual(await archive.keys(), [], 'neither a claim nor WAL');
    }
  });
});
