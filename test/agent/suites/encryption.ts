import assert from 'node:assert/strict';
import { test } from 'node:test';
import { protectCluster } from '../../support/protected-cluster.ts';
import type { TestStore } from '../../support/test-archive.ts';

const key = '9f'.repeat(32);

/** What every object begins with that lz4 packed and nobody encrypted. */
const plainMark = '04224d18';

export const encryptionSuite = (store: TestStore): void => {
  test(`an archive on ${store.name} with WAL-G's libsodium settings holds nothing plain, and recovers with its key alone`, async (t) => {
    const archive = await store.open(t);
    const env = { ...archive.env, WALG_LIBSODIUM_KEY: key, WALG_LIBSODIUM_KEY_TRANSFORM: 'hex' };
    const place = await protectCluster(t, { ...archive, env }, { major: 17 });
    await place.cluster.exec('create table guarded as select generate_series(1, 1000) as n');
    const backup = await place.backup();
    await place.cluster.exec('insert into guarded select generate_series(1001, 2000)');
    await place.archiveAll();

    const packed = (await archive.keys()).filter((name) => name.endsWith('.lz4'));
    assert(packed.some((name) => name.endsWith('manifest.ndjson.lz4')) && packed.length > 5);
    for (const name of packed) {
      const head = (await archive.read(name)).subarray(0, 4).toString('hex');
      assert.notEqual(head, plainMark, `${name} is encrypted`);
    }

    const recovered = await place.restore('recovered');
    await recovered.start();
    await recovered.waitFor('not pg_is_in_recovery()');
    assert.equal(await recovered.text('select count(*)::text from guarded'), '2000');

    for (const other of [{ WALG_LIBSODIUM_KEY: '' }, { WALG_LIBSODIUM_KEY: 'a0'.repeat(32) }]) {
      const { status, stderr } = await place.agent(
        ['backup-fetch', `${place.directory}/none`, backup],
        other,
      );
      assert(status === 31 || status === 41, stderr);
      assert.match(stderr, /key/);
    }
  });

  test(`WAL from before encryption on ${store.name} is refused with the key, and fetched where that is allowed`, async (t) => {
    const archive = await store.open(t);
    const place = await protectCluster(t, archive, { major: 17 });
    const segment = await place.cluster.text('select pg_walfile_name(pg_current_wal_lsn())');
    await place.archiveAll();
    const withKey = { WALWARDEN_LIBSODIUM_KEY: key, WALWARDEN_LIBSODIUM_KEY_TRANSFORM: 'hex' };
    const fetch = (env: Readonly<Record<string, string>>) =>
      place.agent(['wal-fetch', segment, `${place.directory}/fetched`], {
        ...env,
        WALWARDEN_FETCH_RETRY_SECONDS: '0',
      });
    const refused = await fetch(withKey);
    assert.equal(refused.status, 255);
    assert.match(refused.stderr, /it is not encrypted, although a key for libsodium is set/);
    assert.equal((await fetch({ ...withKey, WALWARDEN_ALLOW_UNENCRYPTED: 'true' })).status, 0);
  });
};
