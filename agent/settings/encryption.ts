import { absolutePath, boolean, oneOf, secretText, text } from './kinds.ts';
import { optional, preset, type Take } from './setting.ts';

/** Encryption on this machine, before anything leaves it. At most one of the three kinds may be set up. */
export const encryptionTable = {
  libsodiumKey: optional({
    variable: 'WALWARDEN_LIBSODIUM_KEY',
    group: 'encryption',
    kind: secretText,
    secret: true,
    doc: 'Encrypt with libsodium, with this key.',
  }),
  libsodiumKeyPath: optional({
    variable: 'WALWARDEN_LIBSODIUM_KEY_PATH',
    group: 'encryption',
    kind: absolutePath,
    doc: 'The same, with the key in a file.',
  }),
  libsodiumKeyTransform: preset({
    variable: 'WALWARDEN_LIBSODIUM_KEY_TRANSFORM',
    group: 'encryption',
    kind: oneOf('none', 'hex', 'base64'),
    preset: { text: 'none', value: () => 'none' as const },
    doc: 'How the key is written: 64 hex digits, base64 of 32 bytes, or none for the text itself, as WAL-G has it.',
  }),
  pgpKey: optional({
    variable: 'WALWARDEN_PGP_KEY',
    group: 'encryption',
    kind: secretText,
    secret: true,
    doc: 'Encrypt with OpenPGP, with this key in armor.',
  }),
  pgpKeyPath: optional({
    variable: 'WALWARDEN_PGP_KEY_PATH',
    group: 'encryption',
    kind: absolutePath,
    doc: 'The same, with the key in a file.',
  }),
  pgpKeyPassphrase: optional({
    variable: 'WALWARDEN_PGP_KEY_PASSPHRASE',
    group: 'encryption',
    kind: secretText,
    secret: true,
    doc: 'The passphrase of the OpenPGP key.',
  }),
  kmsKeyId: optional({
    variable: 'WALWARDEN_KMS_KEY_ID',
    group: 'encryption',
    kind: text,
    doc: 'Encrypt with data keys that this AWS KMS key wraps: its ARN, its id or an alias.',
  }),
  kmsRegion: optional({
    variable: 'WALWARDEN_KMS_REGION',
    group: 'encryption',
    kind: text,
    doc: 'The region of the KMS key; left out, that of the bucket.',
  }),
  allowsPlain: preset({
    variable: 'WALWARDEN_ALLOW_UNENCRYPTED',
    group: 'encryption',
    kind: boolean,
    preset: { text: 'false', value: () => false },
    doc: 'Where a key is set, read unencrypted objects from before it was set too.',
  }),
} as const;

export const readEncryptionSettings = (take: Take) => ({
  libsodiumKey: take(encryptionTable.libsodiumKey),
  libsodiumKeyPath: take(encryptionTable.libsodiumKeyPath),
  libsodiumKeyTransform: take(encryptionTable.libsodiumKeyTransform),
  pgpKey: take(encryptionTable.pgpKey),
  pgpKeyPath: take(encryptionTable.pgpKeyPath),
  pgpKeyPassphrase: take(encryptionTable.pgpKeyPassphrase),
  kmsKeyId: take(encryptionTable.kmsKeyId),
  kmsRegion: take(encryptionTable.kmsRegion),
  allowsPlain: take(encryptionTable.allowsPlain),
});

export type EncryptionSettings = Readonly<ReturnType<typeof readEncryptionSettings>>;

/** The variables that set an encryption up, by kind. */
export const encryptionKeys = {
  libsodium: ['WALWARDEN_LIBSODIUM_KEY', 'WALWARDEN_LIBSODIUM_KEY_PATH'],
  openpgp: ['WALWARDEN_PGP_KEY', 'WALWARDEN_PGP_KEY_PATH'],
  'kms-envelope': ['WALWARDEN_KMS_KEY_ID'],
} as const;

/** What contradicts itself among the settings of encryption. */
export const encryptionProblems = (encryption: EncryptionSettings): readonly string[] => {
  const given = [
    ['WALWARDEN_LIBSODIUM_KEY', encryption.libsodiumKey] as const,
    ['WALWARDEN_LIBSODIUM_KEY_PATH', encryption.libsodiumKeyPath] as const,
    ['WALWARDEN_PGP_KEY', encryption.pgpKey] as const,
    ['WALWARDEN_PGP_KEY_PATH', encryption.pgpKeyPath] as const,
    ['WALWARDEN_KMS_KEY_ID', encryption.kmsKeyId] as const,
  ].flatMap(([variable, value]) => (value === undefined ? [] : [variable]));
  return given.length > 1 ? [`${given.join(' and ')} exclude each other: an archive has one key`] : [];
};
