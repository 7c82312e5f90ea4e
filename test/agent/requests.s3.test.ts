import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onS3, openFaultyArchive } from '../support/s3-test-archive.ts';
import { ourSystem, walPlace, walSegment } from '../support/wal-files.ts';

const [first, second, third] = [
  '000000010000000000000001',
  '000000010000000000000002',
  '000000010000000000000003',
] as const;
const claim = 'walwarden/incarnations/000001.json';
const [whole, inParts] = ['walwarden/probes/whole', 'walwarden/probes/in-parts'];

/** A probe is written twice, the second time in vain; HEAD tells whose the object is that is there. */
const probing = [
  ...[`PUT ${whole}`, `PUT ${whole}`, `HEAD ${whole}`],
  ...[`BEGIN ${inParts}`, `PART 1 ${inParts}`, `COMPLETE ${inParts}`],
  ...[`BEGIN ${inParts}`, `PART 1 ${inParts}`, `COMPLETE ${inParts}`, `ABORT ${inParts}`, `HEAD ${inParts}`],
];

await onS3((_store, server) => {
  test('the first push of a cluster claims its archive on S3, and each later one is one request', async (t) => {
    const archive = await openFaultyArchive(t, server);
    const place = walPlace(t, archive, ourSystem);
    const push = async (name: string): Promise<readonly string[]> => {
      const { status, stderr } = await place.push(name, walSegment({ name }));
      assert.equal(status, 0, stderr);
      return archive.asked();
    };
    assert.deepEqual(await push(first), [
      `GET ${claim}`,
      'LIST wal_005/',
      ...probing,
      `PUT ${claim}`,
      `GET ${claim.replace('1', '2')}`,
      `LIST wal_005/${first.slice(0, 22)}`,
      `PUT wal_005/${first}.lz4`,
    ]);
    assert.deepEqual(await push(second), [`PUT wal_005/${second}.lz4`]);
    assert.deepEqual(await push(third), [`PUT wal_005/${third}.lz4`]);
    assert.deepEqual(
      await push(third),
      [`PUT wal_005/${third}.lz4`, `HEAD wal_005/${third}.lz4`, `GET wal_005/${third}.lz4`],
      'one that is there already is compared',
    );
  });

  test("the first push from another host of the same cluster looks at S3's claim and does not probe again", async (t) => {
    const archive = await openFaultyArchive(t, server);
    const place = walPlace(t, archive, ourSystem);
    assert.equal((await place.push(first, walSegment({ name: first }))).status, 0);
    archive.asked();
    const other = archive.otherHost();
    assert.equal((await place.push(second, walSegment({ name: second }), other)).status, 0);
    assert.deepEqual(archive.asked(), [
      `GET ${claim}`,
      `GET ${claim.replace('1', '2')}`,
      `LIST wal_005/${second.slice(0, 22)}`,
      `PUT wal_005/${second}.lz4`,
    ]);
    assert.equal((await place.push(third, walSegment({ name: third }), other)).status, 0);
    assert.deepEqual(archive.asked(), [`PUT wal_005/${third}.lz4`]);
  });

  test('a push to S3 asks for a twin under each other codec that its neighbours have, and for no more', async (t) => {
    const archive = await openFaultyArchive(t, server);
    const place = walPlace(t, archive, ourSystem);
    const push = (name: string, codec: string, env = {}) =>
      place.push(name, walSegment({ name }), { ...env, WALWARDEN_COMPRESSION: codec });
    assert.equal((await push(first, 'zstd')).status, 0);
    const other = archive.otherHost();
    assert.equal((await push(second, 'lz4', other)).status, 0);
    archive.asked();
    assert.equal((await push(third, 'lz4', other)).status, 0);
    const twin = `wal_005/${third}.zst`;
    // The 404 of a HEAD does not say whether it is the object that is missing, or the bucket.
    assert.deepEqual(archive.asked(), [`HEAD ${twin}`, `GET ${twin}`, `PUT wal_005/${third}.lz4`]);
    assert.equal((await push(first, 'lz4', other)).status, 0, 'the twin has the same content');
    assert.deepEqual(archive.asked(), [`HEAD wal_005/${first}.zst`, `GET wal_005/${first}.zst`]);
  });

  test('a fetch from S3 of a known codec is one request, also after the first of another codec', async (t) => {
    const archive = await openFaultyArchive(t, server);
    const place = walPlace(t, archive, ourSystem);
    const fetch = async (name: string): Promise<readonly string[]> => {
      archive.asked();
      assert(walSegment({ name }).equals(await place.fetched(name)), `${name} came back as it was`);
      return archive.asked();
    };
    assert.equal((await place.push(first, walSegment({ name: first }))).status, 0);
    for (const name of [second, third]) {
      const pushed = await place.push(name, walSegment({ name }), { WALWARDEN_COMPRESSION: 'zstd' });
      assert.equal(pushed.status, 0, pushed.stderr);
    }
    assert.deepEqual(await fetch(first), [`GET wal_005/${first}.lz4`]);
    assert.deepEqual(await fetch(second), [
      `GET wal_005/${second}.lz4`,
      `LIST wal_005/${second}`,
      `GET wal_005/${second}.zst`,
    ]);
    assert.deepEqual(await fetch(second), [`GET wal_005/${second}.zst`]);
    assert.deepEqual(await fetch(third), [`GET wal_005/${third}.zst`]);
  });

  test('the absence of a file from S3 is proven with two requests', async (t) => {
    const archive = await openFaultyArchive(t, server);
    const place = walPlace(t, archive, ourSystem);
    assert.equal((await place.push(first, walSegment({ name: first }))).status, 0);
    for (const name of [second, '00000002.history']) {
      archive.asked();
      assert.equal((await place.fetch(name)).status, 1);
      assert.deepEqual(archive.asked(), [`GET wal_005/${name}.lz4`, `LIST wal_005/${name}`]);
    }
  });
});
