import type { Key, PrivateKey } from 'openpgp';
import type { Transform } from '../streams.ts';
import { type Encryption, keyInvalid, undecryptable } from './encryption.ts';
import { watchSource, whileMoving } from './stall.ts';

type Library = typeof import('openpgp');

export type OpenpgpKeyText = {
  /**
   * One or several keys in armor. With a private key both directions work, with a public one only `encrypt`. Line ends
   * may be written as `\n`, as people put them into WAL-G's `WALG_PGP_KEY`.
   */
  readonly armoredKeys: string;
  readonly passphrase?: string | undefined;
};

/**
 * OpenPGP messages as `gpg --encrypt -z 0` writes them for WAL-E, and WAL-G's Go library for it: encrypted to every key,
 * not compressed, not armored, not signed. Compressed messages are read too (zip, zlib, bzip2).
 *
 * A message streams through: content is yielded before its integrity is known, and the stream throws at its end when the
 * integrity check (MDC, RFC 4880 5.13) fails, is missing, or when the message is cut or followed by anything. A message
 * without any integrity protection is refused before anything is yielded.
 *
 * By OpenPGP.js (LGPL-3.0-or-later, used unmodified and loaded only by those who need it), the one OpenPGP library for
 * JavaScript that is kept; about 200 MB/s encrypting and 130 MB/s decrypting on one core.
 *
 * @param options `stallMs`: after how long without any movement a message counts as damaged, see `whileMoving`
 * @throws 'settings-invalid' for keys that cannot be read or unlocked
 */
export const openOpenpgpEncryption = async (
  text: OpenpgpKeyText,
  { stallMs = 30_000 }: { readonly stallMs?: number } = {},
): Promise<Encryption> => {
  const library = await import('openpgp');
  const keys = await readKeys(library, text);
  const privateKeys = keys.filter((key): key is PrivateKey => key.isPrivate());
  return {
    kind: 'openpgp',
    encrypt: (source) => encrypt(library, keys, source),
    decrypt:
      privateKeys.length === 0
        ? withoutPrivateKey
        : (source) => decrypt(source, { library, decryptionKeys: privateKeys, stallMs }),
  };
};

const readKeys = async (library: Library, text: OpenpgpKeyText): Promise<readonly Key[]> => {
  let keys: readonly Key[];
  try {
    keys = await library.readKeys({ armoredKeys: text.armoredKeys.replaceAll('\\n', '\n') });
  } catch (cause) {
    throw keyInvalid(
      'the openpgp key cannot be read',
      'Give the key in armor, as "gpg --armor --export-secret-keys" prints it.',
      cause,
    );
  }
  return Promise.all(keys.map((key) => (key.isPrivate() ? unlock(library, key, text.passphrase) : key)));
};

const unlock = async (
  library: Library,
  key: PrivateKey,
  passphrase: string | undefined,
): Promise<PrivateKey> => {
  if (key.isDecrypted()) return key;
  const name = `the openpgp key ${key.getKeyID().toHex().toUpperCase()}`;
  if (passphrase === undefined) {
    throw keyInvalid(
      `${name} is locked and there is no passphrase`,
      'Give the passphrase of the key in the settings.',
    );
  }
  try {
    return await library.decryptKey({ privateKey: key, passphrase });
  } catch (cause) {
    throw keyInvalid(
      `${name} does not open with the passphrase`,
      'Check the passphrase in the settings.',
      cause,
    );
  }
};

const withoutPrivateKey: Transform = () => {
  throw keyInvalid(
    'the openpgp key is a public key, which cannot decrypt',
    'Give the private key, as "gpg --armor --export-secret-keys" prints it.',
  );
};

const encrypt = async function* (
  library: Library,
  keys: readonly Key[],
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const watched = watchSource(source);
  try {
    const message = await library.createMessage({ binary: webStream(watched.stream) });
    const encrypted: AsyncIterable<Uint8Array> = await library.encrypt({
      message,
      encryptionKeys: [...keys],
      format: 'binary',
      config: { preferredCompressionAlgorithm: library.enums.compression.uncompressed },
    });
    yield* encrypted;
  } catch (cause) {
    watched.rethrow();
    throw keyInvalid(
      'the openpgp key cannot encrypt',
      'Check that the key has not expired and has a subkey for encryption ("gpg --show-keys").',
      cause,
    );
  } finally {
    await watched.close();
  }
};

type Decryption = {
  readonly library: Library;
  readonly decryptionKeys: readonly PrivateKey[];
  readonly stallMs: number;
};

const decrypt = async function* (
  source: AsyncIterable<Uint8Array>,
  decryption: Decryption,
): AsyncGenerator<Uint8Array, void, undefined> {
  const watched = watchSource(source);
  try {
    yield* whileMoving(decryptUnwatched(watched.stream, decryption), watched.pulls, decryption.stallMs);
  } catch (cause) {
    watched.rethrow();
    throw undecryptable('openpgp: the message does not decrypt to its end, or is not authentic', cause);
  } finally {
    await watched.close();
  }
};

const decryptUnwatched = async function* (
  source: AsyncIterable<Uint8Array>,
  { library, decryptionKeys }: Decryption,
): AsyncGenerator<Uint8Array, void, undefined> {
  // What is yielded early counts only at the good end of the stream; the library's default would hold all of it.
  const config = { allowUnauthenticatedStream: true };
  const message = await library.readMessage({ binaryMessage: webStream(source), config });
  const { data } = await library.decrypt({
    message,
    decryptionKeys: [...decryptionKeys],
    format: 'binary',
    config,
  });
  const decrypted: AsyncIterable<Uint8Array> = data;
  yield* decrypted;
};

const webStream = (source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> =>
  ReadableStream.from(source);
