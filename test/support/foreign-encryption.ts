import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sodium from 'libsodium-wrappers';
import { giveToClusterUser } from './cluster-user.ts';
import type { ForeignEncoder } from './foreign-codecs.ts';
import type { Skippable } from './postgres-parts.ts';
import { projectRoot } from './staging.ts';
import { type Hooks, moveIn, moveOut, temporaryDirectory } from './temporary.ts';

/** Encryption of whole objects by foreign programs. None of our own code is behind any byte of it. */
export type Encrypt = (packed: Buffer) => Buffer;

/** What compresses as `encoder` does and encrypts that; the suffix does not tell. */
export const encryptedBy = (encoder: ForeignEncoder, encrypt: Encrypt): ForeignEncoder => ({
  ...encoder,
  encode: (plain) => encrypt(encoder.encode(plain)),
});

/** A key pair that was made for tests, as files that the cluster's user alone may read. */
export type OpenpgpKey = {
  readonly id: string;
  readonly secretPath: string;
  readonly publicPath: string;
  /** The private key in armor. */
  readonly secret: string;
  readonly passphrase: string;
};

const passphrases = { rsa: '', curve: 'a passphrase for tests only' } as const;

/** One of the keys of test/fixtures/codec-foreign/openpgp: `rsa` has no passphrase, `curve` has one. */
export const openpgpKey = (hooks: Hooks, name: keyof typeof passphrases): OpenpgpKey => {
  const directory = temporaryDirectory(hooks, { ownedByCluster: true });
  const fixtures = join(projectRoot, 'test', 'fixtures', 'codec-foreign', 'openpgp');
  const lay = (file: string): { readonly text: string; readonly path: string } => {
    const text = readFileSync(join(fixtures, file), 'utf8');
    const path = join(directory, file);
    writeFileSync(path, text, { mode: 0o600 });
    giveToClusterUser(path);
    return { text, path };
  };
  const secret = lay(`${name}-secret.asc`);
  return {
    id: `${name}@walwarden.test`,
    secretPath: secret.path,
    publicPath: lay(`${name}-public.asc`).path,
    secret: secret.text,
    passphrase: passphrases[name],
  };
};

/** GnuPG's command line with a key ring of its own. */
export type Gnupg = {
  /** As WAL-E has it done: not compressed once more. */
  readonly encryptTo: (key: OpenpgpKey) => Encrypt;
  readonly decrypt: (message: Buffer, key: OpenpgpKey) => Buffer;
};

/** GnuPG, or `undefined` after the test was skipped because it is missing. */
export const demandGnupg = (t: Skippable & Hooks, keys: readonly OpenpgpKey[]): Gnupg | undefined => {
  if (spawnSync('gpg', ['--version']).error !== undefined) {
    t.skip('gpg is missing, which encrypts archives as WAL-E had it done: install GnuPG');
    return undefined;
  }
  const home = temporaryDirectory(t);
  chmodSync(home, 0o700);
  const env = { PATH: process.env.PATH, LC_ALL: 'C', GNUPGHOME: home };
  const gpg = (args: readonly string[], input?: Buffer): Buffer =>
    outputOf(
      `gpg ${args.join(' ')}`,
      spawnSync('gpg', ['--batch', '--quiet', '--pinentry-mode', 'loopback', ...args], {
        env,
        maxBuffer: 2 ** 30,
        ...(input === undefined ? {} : { input }),
      }),
    );
  // Private keys are kept by an agent that gpg starts and that outlives it.
  const leaveNow = (): void => {
    outputOf('gpgconf', spawnSync('gpgconf', ['--kill', 'all'], { env }));
  };
  const tenant = {
    leave: async () => {
      leaveNow();
      moveOut(tenant);
    },
    leaveNow,
  };
  moveIn(tenant, home);
  for (const { secretPath, passphrase } of keys) gpg(['--passphrase', passphrase, '--import', secretPath]);
  return {
    encryptTo: (key) => (packed) => gpg(['--trust-model', 'always', '-e', '-z', '0', '-r', key.id], packed),
    decrypt: (message, { passphrase }) => gpg(['--passphrase', passphrase, '-d'], message),
  };
};

const outputOf = (what: string, { status, stdout, stderr, error }: SpawnSyncReturns<Buffer>): Buffer => {
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${what} failed: ${stderr.toString()}`);
  return stdout;
};

/** What a chunk of WAL-G's secretstream takes in an object, and where the first one begins. */
export const sodiumChunkBytes = 8192 + 17;
export const sodiumHeaderBytes = 24;

/** libsodium's secretstream as WAL-G writes it: full chunks with the tag MESSAGE and a shorter one with FINAL. */
export const sodiumEncrypt = async (key: Buffer): Promise<Encrypt> => {
  await sodium.ready;
  const {
    crypto_secretstream_xchacha20poly1305_init_push: begin,
    crypto_secretstream_xchacha20poly1305_push: push,
    crypto_secretstream_xchacha20poly1305_TAG_MESSAGE: messageTag,
    crypto_secretstream_xchacha20poly1305_TAG_FINAL: finalTag,
  } = sodium;
  return (packed) => {
    const { state, header } = begin(key);
    const pieces: Uint8Array[] = [header];
    let at = 0;
    for (; packed.length - at >= 8192; at += 8192) {
      pieces.push(push(state, packed.subarray(at, at + 8192), null, messageTag));
    }
    pieces.push(push(state, packed.subarray(at), null, finalTag));
    return Buffer.concat(pieces);
  };
};
