import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { adoptCluster } from '../../support/cluster.ts';
import { storeWalGBackup } from '../../support/foreign-archive.ts';
import { demandEncoder, lzopEncoder, plainEncoder } from '../../support/foreign-codecs.ts';
import { copyRunning } from '../../support/foreign-copy.ts';
import {
  demandGnupg,
  type Encrypt,
  encryptedBy,
  openpgpKey,
  sodiumChunkBytes,
  sodiumEncrypt,
  sodiumHeaderBytes,
} from '../../support/foreign-encryption.ts';
import {
  assertRecovers,
  assertRestored,
  configureAs,
  copySource,
  fetchBackup,
  fill,
  type Source,
  startSource,
} from '../../support/foreign-source.ts';
import { storeWal, storeWalEBackup } from '../../support/foreign-wal-e.ts';
import { demandMajor } from '../../support/postgres-parts.ts';
import { protectCluster } from '../../support/protected-cluster.ts';
import type { TestArchive, TestStore } from '../../support/test-archive.ts';
import { walPlace, walSegment } from '../../support/wal-files.ts';

type Environment = Readonly<Record<string, string>>;

const sodiumKey = Buffer.from('5e'.repeat(32), 'hex');
const sodiumSettings: Environment = {
  WALG_LIBSODIUM_KEY: sodiumKey.toString('hex'),
  WALG_LIBSODIUM_KEY_TRANSFORM: 'hex',
};

const withSettings = (archive: TestArchive, settings: Environment): TestArchive => ({
  ...archive,
  env: { ...archive.env, WALWARDEN_FETCH_RETRY_SECONDS: '0', ...settings },
});

/** An archive that WAL-G left, every part and every WAL file of it packed by lz4 and then encrypted. */
const storeEncrypted = async (
  t: TestContext,
  store: TestStore,
  encrypt: Encrypt,
): Promise<{ readonly source: Source; readonly archive: TestArchive } | undefined> => {
  const lz4 = demandEncoder(t, 'lz4');
  if (lz4 === undefined) return undefined;
  const source = await startSource(t, 17);
  const archive = await store.open(t);
  const encoder = encryptedBy(lz4, encrypt);
  await storeWalGBackup(archive, await copySource(source), encoder);
  await storeWal(archive, source.walDirectory, encoder);
  return { source, archive };
};

/** Starts a server on a restored directory, expects it to end by itself and unpromoted, and gives its log. */
const assertStops = async (
  t: TestContext,
  source: Source,
  archive: TestArchive,
  name: string,
): Promise<string> => {
  const dataDirectory = join(source.directory, name);
  const environment = archive.env;
  const settings = { archive_mode: 'off' };
  const cluster = adoptCluster({
    hooks: t,
    major: source.cluster.major,
    dataDirectory,
    environment,
    settings,
  });
  const before = cluster.log().length;
  await cluster.start({ waitReady: false });
  const { status } = await cluster.waitExit();
  const log = cluster.log().slice(before);
  await cluster.dispose();
  assert.notEqual(status, 0, log);
  assert.match(log, /FATAL: {2}could not restore file .* from archive: .*exit code 255/);
  assert.doesNotMatch(log, /archive recovery complete|selected new timeline/);
  assert(!existsSync(join(dataDirectory, 'pg_wal', '00000002.history')), 'no timeline began');
  return log;
};

const recoverOpenpgpOfWalG = async (t: TestContext, store: TestStore): Promise<void> => {
  const key = openpgpKey(t, 'curve');
  const other = openpgpKey(t, 'rsa');
  const gnupg = demandGnupg(t, [key]);
  if (gnupg === undefined) return;
  const stored = await storeEncrypted(t, store, gnupg.encryptTo(key));
  if (stored === undefined) return;
  const { source, archive } = stored;
  const theirs = { WALG_PGP_KEY_PATH: key.secretPath, WALG_PGP_KEY_PASSPHRASE: key.passphrase };
  await assertRecovers(t, source, withSettings(archive, theirs), 'their-names');
  const ours = withSettings(archive, {
    WALWARDEN_PGP_KEY: key.secret.replaceAll('\n', '\\n'),
    WALWARDEN_PGP_KEY_PASSPHRASE: key.passphrase,
  });
  const wrong = withSettings(archive, { WALG_PGP_KEY_PATH: other.secretPath });
  const refused = await fetchBackup(wrong, join(source.directory, 'refused'));
  assert.equal(refused.status, 41, refused.stderr);
  assert.match(refused.stderr, /key/);
  const fetched = await fetchBackup(ours, join(source.directory, 'our-names'));
  assert.equal(fetched.status, 0, fetched.stderr);
  assert.match(await assertStops(t, source, wrong, 'our-names'), /openpgp/);
  await assertRestored(t, source, ours, 'our-names');
};

const recoverLibsodium = async (t: TestContext, store: TestStore): Promise<void> => {
  const encrypt = await sodiumEncrypt(sodiumKey);
  const stored = await storeEncrypted(t, store, encrypt);
  if (stored === undefined) return;
  const { source, archive } = stored;
  const ours = {
    WALWARDEN_LIBSODIUM_KEY: sodiumKey.toString('base64'),
    WALWARDEN_LIBSODIUM_KEY_TRANSFORM: 'base64',
  };
  await assertRecovers(t, source, withSettings(archive, ours), 'our-names');

  const sound = withSettings(archive, sodiumSettings);
  const fetched = await fetchBackup(sound, join(source.directory, 'their-names'));
  assert.equal(fetched.status, 0, fetched.stderr);
  const wrong = withSettings(archive, { ...sodiumSettings, WALG_LIBSODIUM_KEY: 'a0'.repeat(32) });
  const refused = await fetchBackup(wrong, join(source.directory, 'refused'));
  assert.equal(refused.status, 41, refused.stderr);
  assert.match(await assertStops(t, source, wrong, 'their-names'), /The key is not the one/);

  await t.test('and a WAL file that was cut between two chunks stops recovery', async (inner) => {
    const name = (await archive.keys('wal_005/')).findLast((key) => /[/][0-9A-F]{24}[.]lz4$/.test(key)) ?? '';
    const bytes = await archive.read(name);
    const segment = readFileSync(join(source.walDirectory, name.slice('wal_005/'.length, -'.lz4'.length)));
    const chunks = Math.floor((bytes.length - sodiumHeaderBytes) / sodiumChunkBytes);
    assert(chunks > 1, 'there is a border to cut at');
    const plain = encrypt(plainEncoder.encode(segment));
    assert.equal(plain.length % sodiumChunkBytes, sodiumHeaderBytes + 17, 'nothing but an empty last chunk');
    const cuts = [
      [name, bytes.subarray(0, sodiumHeaderBytes + chunks * sodiumChunkBytes)],
      // The whole segment is in it: only the missing tag tells.
      [name.slice(0, -'.lz4'.length), plain.subarray(0, -17)],
    ] as const;
    await archive.remove(name);
    for (const [key, cut] of cuts) {
      await archive.write(key, cut);
      assert.match(await assertStops(inner, source, sound, 'their-names'), /without a final chunk/);
      const { status, stderr } = await walPlace(inner, sound).fetch(
        name.slice('wal_005/'.length, -'.lz4'.length),
      );
      assert.equal(status, 255, stderr);
      await archive.remove(key);
    }
    await archive.write(name, bytes);
    await assertRestored(inner, source, sound, 'their-names');
  });
};

const recoverOpenpgpOfWalE = async (t: TestContext, store: TestStore): Promise<void> => {
  const key = openpgpKey(t, 'rsa');
  const gnupg = demandGnupg(t, [key]);
  if (gnupg === undefined) return;
  const source = await startSource(t, 14);
  const archive = withSettings(await store.open(t), { WALWARDEN_PGP_KEY_PATH: key.secretPath });
  const encoder = encryptedBy(lzopEncoder(), gnupg.encryptTo(key));
  await fill(source.cluster, 'before_copy');
  await storeWalEBackup(archive, await copyRunning(source.cluster, { exclusive: true }), encoder);
  await fill(source.cluster, 'after_copy');
  await source.archiveAll();
  await storeWal(archive, source.walDirectory, encoder);
  await assertRecovers(t, source, archive, 'from-wal-e', { prepare: configureAs(source) });
};

const writeOpenpgp = async (t: TestContext, store: TestStore): Promise<void> => {
  const key = openpgpKey(t, 'curve');
  const archive = withSettings(await store.open(t), {
    WALG_PGP_KEY_PATH: key.secretPath,
    WALG_PGP_KEY_PASSPHRASE: key.passphrase,
  });
  const place = await protectCluster(t, archive, { major: 17 });
  await fill(place.cluster, 'before_backup');
  await place.backup();
  await fill(place.cluster, 'after_backup');
  await place.archiveAll();
  const packed = (await archive.keys()).filter((name) => name.endsWith('.lz4'));
  assert(packed.some((name) => name.endsWith('manifest.ndjson.lz4')) && packed.length > 5);
  for (const name of packed) {
    assert.match((await archive.read(name)).subarray(0, 1).toString('hex'), /^(84|85|86|c1)$/, name);
  }
  const recovered = await place.restore('recovered');
  await recovered.start();
  await recovered.waitFor('not pg_is_in_recovery()');
  assert.deepEqual(await recovered.tableChecksums(), await place.cluster.tableChecksums());
};

const decryptByGnupg = async (t: TestContext, store: TestStore): Promise<void> => {
  const segment = '000000010000000000000001';
  const content = walSegment({ name: segment });
  const object = async (settings: Environment): Promise<Buffer> => {
    const archive = await store.open(t);
    const { status, stderr } = await walPlace(t, archive).push(segment, content, settings);
    assert.equal(status, 0, stderr);
    return archive.read(`wal_005/${segment}.lz4`);
  };
  const [rsa, curve] = [openpgpKey(t, 'rsa'), openpgpKey(t, 'curve')];
  const gnupg = demandGnupg(t, [rsa, curve]);
  if (gnupg === undefined) return;
  const plain = await object({});
  // A public key is enough to write.
  const byPublicKey = await object({ WALWARDEN_PGP_KEY_PATH: rsa.publicPath });
  assert(plain.equals(gnupg.decrypt(byPublicKey, rsa)));
  const byPrivateKey = await object({
    WALWARDEN_PGP_KEY_PATH: curve.secretPath,
    WALWARDEN_PGP_KEY_PASSPHRASE: curve.passphrase,
  });
  assert(plain.equals(gnupg.decrypt(byPrivateKey, curve)));
};

export const foreignEncryptionSuite = (store: TestStore): void => {
  test(`a backup of WAL-G in ${store.name} that gpg encrypted recovers with its key, and with no other`, async (t) => {
    if (demandMajor(t, 17)) await recoverOpenpgpOfWalG(t, store);
  });

  test(`a backup of WAL-G in ${store.name} that libsodium encrypted recovers with its key, and with no other`, async (t) => {
    if (demandMajor(t, 17)) await recoverLibsodium(t, store);
  });

  test(`a backup of WAL-E in ${store.name} that gpg encrypted recovers`, async (t) => {
    if (demandMajor(t, 14)) await recoverOpenpgpOfWalE(t, store);
  });

  test(`a backup and WAL that were encrypted with OpenPGP on their way to ${store.name} recover`, async (t) => {
    if (demandMajor(t, 17)) await writeOpenpgp(t, store);
  });

  test(`gpg decrypts what wal-push encrypted into ${store.name} to the very object of an archive without a key`, (t) =>
    decryptByGnupg(t, store));
};
