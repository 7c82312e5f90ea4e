import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { Encryption } from '../../../lib/codec/encryption/encryption.ts';
import { type OpenpgpKeyText, openOpenpgpEncryption } from '../../../lib/codec/encryption/openpgp.ts';
import { foreignFixtures, inChunks, isDamage, passThrough, withBitFlipped } from '../foreign-fixtures.ts';

const { list: fixtures, read: fixture } = foreignFixtures('openpgp');
const passphrase = 'a passphrase for tests only';
const keyText = (name: string): OpenpgpKeyText => ({
  armoredKeys: fixture(`${name}-secret.asc`).toString(),
  passphrase: name === 'curve' ? passphrase : undefined,
});
const keyOf = (fixtureName: string): string => fixtureName.slice(0, fixtureName.indexOf('-'));
// Unlocking a key is slow on purpose, so that it is done once.
const opened = new Map<string, Promise<Encryption>>();
const open = async (name: string, bytes: Uint8Array, chunkBytes?: number): Promise<Buffer> => {
  const key = keyOf(name);
  const encryption = opened.get(key) ?? openOpenpgpEncryption(keyText(key), { stallMs: 300 });
  opened.set(key, encryption);
  const { decrypt } = await encryption;
  return passThrough(decrypt, bytes, chunkBytes);
};

describe('what gpg and WAL-G encrypted', () => {
  assert(fixtures.length >= 11, 'the fixtures are all listed');
  for (const { name, sha256 } of fixtures) {
    test(`${name} decrypts to its content, however the stream is cut into chunks`, async () => {
      for (const chunkBytes of [100, 65536]) {
        const plain = await open(name, fixture(name), chunkBytes);
        assert.equal(createHash('sha256').update(plain).digest('hex'), sha256);
      }
    });
  }
});

describe('damage', () => {
  for (const name of ['rsa-empty.gpg', 'rsa-wal-e.gpg', 'rsa-zlib.gpg', 'rsa-wal-g.gpg', 'curve-zip.gpg']) {
    const whole = fixture(name);
    // Every byte of the packet heads, of the compressed content's begin and of the end; samples between.
    const places = [...whole.keys()].filter(
      (place) =>
        place < 12 || (place > 265 && place < 300) || place % 2999 === 0 || place > whole.byteLength - 30,
    );

    test(`${name} cut anywhere is refused`, async () => {
      for (const end of places)
        await assert.rejects(open(name, whole.subarray(0, end)), isDamage, `cut at ${end}`);
    });

    test(`no changed bit of ${name} goes unnoticed`, async () => {
      for (const place of places) {
        await assert.rejects(open(name, withBitFlipped(whole, place)), isDamage, `byte ${place}`);
      }
    });

    test(`bytes behind ${name} are refused`, async () => {
      for (const behind of [Buffer.alloc(1), whole, Buffer.from([0xcb, 1, 0x62])]) {
        await assert.rejects(open(name, Buffer.concat([whole, behind])), isDamage);
      }
    });
  }

  test('content without encryption is refused', async () => {
    const literal = Buffer.from([0xcb, 8, 0x62, 0, 0, 0, 0, 0, 0x68, 0x69]);
    await assert.rejects(open('rsa-', literal), isDamage);
    await assert.rejects(open('rsa-', Buffer.from('not a message at all')), isDamage);
  });

  test('a message for another key is refused with a hint that names the key', async () => {
    await assert.rejects(open('rsa-', fixture('nist-wal-e.gpg')), {
      code: 'object-damaged',
      hint: /The key is not the one/,
    });
  });
});

test('a message on which the library would wait for ever is refused', async () => {
  // Bit 5 of the first byte in the encrypted packet makes a packet of an unknown kind of the compressed one.
  await assert.rejects(open('rsa-', withBitFlipped(fixture('rsa-zlib.gpg'), 293, 5)), (thrown) => {
    assert(isDamage(thrown) && thrown instanceof Error && thrown.cause instanceof Error);
    assert.equal(thrown.cause.message, 'nothing moved for 300 ms');
    return true;
  });
});

describe('what walwarden encrypts', () => {
  const plain = Buffer.alloc(300_000, 'walwarden');

  for (const name of ['rsa', 'curve', 'nist']) {
    test(`comes back with the ${name} key, and is refused when its end is missing`, async () => {
      const { encrypt, decrypt } = await openOpenpgpEncryption(keyText(name));
      const encrypted = await passThrough(encrypt, plain);
      assert.deepEqual(await passThrough(decrypt, encrypted), plain);
      for (const missing of [1, 20, 100_000]) {
        await assert.rejects(passThrough(decrypt, encrypted.subarray(0, -missing)), isDamage);
      }
      assert(encrypted.byteLength > plain.byteLength, 'it is not compressed once more');
    });
  }

  test('a public key is enough to encrypt, and says so when it shall decrypt', async () => {
    const toPublic = await openOpenpgpEncryption({ armoredKeys: fixture('curve-public.asc').toString() });
    assert.deepEqual(await open('curve-', await passThrough(toPublic.encrypt, plain)), plain);
    assert.throws(() => toPublic.decrypt(inChunks(plain, 100)), {
      code: 'settings-invalid',
      message: /public key/,
    });
  });

  test('the error of a source passes through both directions and the source is given back', async () => {
    const { encrypt, decrypt } = await openOpenpgpEncryption(keyText('rsa'));
    const failing = async function* () {
      yield fixture('rsa-wal-e.gpg').subarray(0, 5000);
      throw new RangeError('the source failed');
    };
    await assert.rejects(Array.fromAsync(encrypt(failing())), RangeError);
    await assert.rejects(Array.fromAsync(decrypt(failing())), RangeError);

    let isGivenBack = false;
    const endless = async function* () {
      try {
        for (;;) yield plain;
      } finally {
        isGivenBack = true;
      }
    };
    for await (const _ of decrypt(encrypt(endless()))) break;
    assert(isGivenBack);
  });
});

describe('a key', () => {
  test('with its line ends written as backslash and n is read as WAL-G reads it', async () => {
    const text = fixture('rsa-secret.asc').toString().replaceAll('\n', '\\n');
    const { decrypt } = await openOpenpgpEncryption({ armoredKeys: text });
    assert.equal((await passThrough(decrypt, fixture('rsa-empty.gpg'))).byteLength, 0);
  });

  test('that cannot be read or unlocked is refused', async () => {
    const locked = fixture('curve-secret.asc').toString();
    const refusals: readonly (readonly [OpenpgpKeyText, RegExp])[] = [
      [{ armoredKeys: 'no key' }, /cannot be read/],
      [{ armoredKeys: locked }, /is locked and there is no passphrase/],
      [{ armoredKeys: locked, passphrase: 'another' }, /does not open with the passphrase/],
    ];
    for (const [text, message] of refusals) {
      await assert.rejects(openOpenpgpEncryption(text), { code: 'settings-invalid', message });
    }
  });
});

const hasGpg = spawnSync('gpg', ['--version']).status === 0;

/** gpg with a home of its own that holds the keys of the tests. */
const gpgWithKeys = (t: TestContext): ((options: readonly string[], input: Uint8Array) => Buffer) => {
  const home = mkdtempSync(join(tmpdir(), 'walwarden-gpg-'));
  const environment = { ...process.env, GNUPGHOME: home };
  t.after(() => {
    spawnSync('gpgconf', ['--kill', 'all'], { env: environment });
    rmSync(home, { recursive: true });
  });
  const gpg = (options: readonly string[], input: Uint8Array): Buffer => {
    const always = ['--batch', '--quiet', '--pinentry-mode', 'loopback', '--trust-model', 'always'];
    const ran = spawnSync('gpg', [...always, '--passphrase', passphrase, ...options], {
      env: environment,
      input,
      maxBuffer: 1 << 26,
    });
    assert.equal(ran.status, 0, ran.stderr.toString());
    return ran.stdout;
  };
  for (const name of ['rsa', 'curve', 'nist']) gpg(['--import'], fixture(`${name}-secret.asc`));
  return gpg;
};

test('gpg and walwarden read each other here and now', {
  skip: hasGpg ? false : 'no gpg on this machine',
}, async (t) => {
  const gpg = gpgWithKeys(t);
  for (const name of ['rsa', 'curve', 'nist']) {
    const { encrypt, decrypt } = await openOpenpgpEncryption(keyText(name));
    for (const plainBytes of [0, 1, 65_536, 1_000_003]) {
      const plain = Buffer.alloc(plainBytes, 'walwarden and gpg');
      const byGpg = gpg(['-z', '0', '-r', `${name}@walwarden.test`, '-e', '-o', '-'], plain);
      assert.equal(Buffer.compare(await passThrough(decrypt, byGpg), plain), 0);
      const byUs = await passThrough(encrypt, plain);
      assert.equal(Buffer.compare(gpg(['-d'], byUs), plain), 0);
    }
  }
});
