import { withoutCounterpart } from './inherited-nothing.ts';
import { bare, both, type Find, type InheritedSetting, same, setting } from './inherited-row.ts';

const usableEncryption = [
  'WALWARDEN_LIBSODIUM_KEY',
  'WALWARDEN_LIBSODIUM_KEY_PATH',
  'WALWARDEN_PGP_KEY',
  'WALWARDEN_PGP_KEY_PATH',
  'WALWARDEN_KMS_KEY_ID',
  'WALG_LIBSODIUM_KEY',
  'WALG_LIBSODIUM_KEY_PATH',
  'WALG_PGP_KEY',
  'WALG_PGP_KEY_PATH',
];

/** Without it objects would lie in the archive unencrypted, so that only another encryption lets it be passed over. */
const unreadableEncryption = (what: string, ...names: readonly string[]): readonly InheritedSetting[] =>
  names.map((name) =>
    setting([name], [], (_, find) => {
      const own = usableEncryption.find((key) => find(key) !== undefined);
      return own === undefined
        ? { refuse: `asks for ${what}, and without it objects would be stored unencrypted` }
        : { ignore: `${own} is set` };
    }),
  );

const withStoragePrefix = (location: string, find: Find): string => {
  const below = find('WALG_STORAGE_PREFIX');
  return below === undefined || below.includes('://')
    ? location
    : `${location.replace(/\/+$/, '')}/${below.replace(/^\/+|\/+$/g, '')}`;
};

/** Settings that say where the archive is and how it is stored. */
const storage: readonly InheritedSetting[] = [
  setting(both('S3_PREFIX'), ['WALWARDEN_PREFIX'], (value, find) => ({
    take: { WALWARDEN_PREFIX: withStoragePrefix(value, find) },
  })),
  setting(both('FILE_PREFIX'), ['WALWARDEN_PREFIX'], (value, find) => ({
    take: {
      WALWARDEN_PREFIX: withStoragePrefix(`file://${value.replace(/^file:\/\/(localhost)?/, '')}`, find),
    },
  })),
  setting(['WALG_STORAGE_PREFIX'], ['WALWARDEN_PREFIX'], (value) => ({
    ignore: value.includes('://')
      ? 'it is no path below a prefix'
      : 'it is part of WALWARDEN_PREFIX where that is inherited',
  })),
  setting(bare('S3_SSE'), ['WALWARDEN_S3_SSE'], (value) => ({
    take: { WALWARDEN_S3_SSE: value.toLowerCase() },
  })),
  same(bare('S3_SSE_KMS_ID'), 'WALWARDEN_S3_SSE_KMS_KEY_ID'),
  // WAL-G hands the text itself to the SDK for Go, which takes its bytes for the key.
  setting(
    bare('S3_SSE_C'),
    ['WALWARDEN_S3_SSE_C_KEY'],
    (value) => ({ take: { WALWARDEN_S3_SSE_C_KEY: Buffer.from(value).toString('base64') } }),
    true,
  ),
  same(bare('S3_STORAGE_CLASS'), 'WALWARDEN_S3_STORAGE_CLASS'),
  same([...bare('S3_CA_CERT_FILE'), 'AWS_CA_BUNDLE'], 'WALWARDEN_S3_CA_FILE'),
  same(bare('S3_MAX_PART_SIZE'), 'WALWARDEN_S3_PART_BYTES'),
  setting(bare('S3_MAX_RETRIES'), ['WALWARDEN_S3_MAX_ATTEMPTS'], (value) => ({
    take: {
      WALWARDEN_S3_MAX_ATTEMPTS: /^\d{1,9}$/.test(value) ? `${Math.min(Number(value) + 1, 100)}` : value,
    },
  })),
  // WAL-E: "https+path://host:port"; a host alone is WAL-G's.
  setting(
    [...bare('AWS_ENDPOINT'), ...both('S3_ENDPOINT')],
    ['WALWARDEN_S3_ENDPOINT', 'WALWARDEN_S3_FORCE_PATH_STYLE'],
    (value) => {
      const [, scheme = 'https', style, host = ''] =
        /^(?:(https?)(?:\+(path|virtualhost|subdomain))?:\/\/)?(.*)$/i.exec(value) ?? [];
      return {
        take: {
          WALWARDEN_S3_ENDPOINT: `${scheme.toLowerCase()}://${host}`,
          ...(style?.toLowerCase() === 'path' && { WALWARDEN_S3_FORCE_PATH_STYLE: 'true' }),
        },
      };
    },
  ),
  same(bare('AWS_S3_FORCE_PATH_STYLE'), 'WALWARDEN_S3_FORCE_PATH_STYLE'),
  same(['WALG_AWS_REGION', 'WALE_AWS_REGION', 'AWS_DEFAULT_REGION'], 'AWS_REGION'),
  same(['WALG_AWS_PROFILE', 'WALE_AWS_PROFILE'], 'AWS_PROFILE'),
  same(['WALG_AWS_ACCESS_KEY_ID', 'WALE_AWS_ACCESS_KEY_ID', 'AWS_ACCESS_KEY'], 'AWS_ACCESS_KEY_ID'),
  same(
    ['WALG_AWS_SECRET_ACCESS_KEY', 'WALE_AWS_SECRET_ACCESS_KEY', 'AWS_SECRET_KEY'],
    'AWS_SECRET_ACCESS_KEY',
    true,
  ),
  same(['WALG_AWS_SESSION_TOKEN', 'WALE_AWS_SESSION_TOKEN', 'AWS_SECURITY_TOKEN'], 'AWS_SESSION_TOKEN', true),
  // What programs written in Go and Python read besides the upper-case names.
  same(['https_proxy'], 'HTTPS_PROXY', true),
  same(['http_proxy'], 'HTTP_PROXY', true),
  same(['no_proxy'], 'NO_PROXY'),
];

/** Settings that say how objects are packed, and how fast. */
const packing: readonly InheritedSetting[] = [
  setting(['WALG_COMPRESSION_METHOD'], ['WALWARDEN_COMPRESSION'], (value) =>
    value === 'lzma' || value === 'lzo' || value === 'gzip'
      ? { ignore: `${value} is read but not written; new objects are written with lz4` }
      : { take: { WALWARDEN_COMPRESSION: value } },
  ),
  setting(['WALG_ZSTD_LEVEL'], ['WALWARDEN_COMPRESSION_LEVEL'], (value, find) =>
    (find('WALWARDEN_COMPRESSION') ?? find('WALG_COMPRESSION_METHOD')) === 'zstd'
      ? { take: { WALWARDEN_COMPRESSION_LEVEL: value } }
      : { ignore: 'new objects are not written with zstd' },
  ),
  setting(
    ['WALG_UPLOAD_DISK_CONCURRENCY', 'WALG_UPLOAD_CONCURRENCY', 'WALG_DOWNLOAD_CONCURRENCY'],
    ['WALWARDEN_JOBS'],
    (value) => ({
      take: { WALWARDEN_JOBS: /^\d{1,9}$/.test(value) ? `${Math.min(Number(value), 128)}` : value },
    }),
  ),
  same(['WALG_TAR_SIZE_THRESHOLD'], 'WALWARDEN_PART_BYTES'),
  same(['WALG_NETWORK_RATE_LIMIT'], 'WALWARDEN_NETWORK_RATE'),
  same(['WALG_DISK_RATE_LIMIT'], 'WALWARDEN_DISK_RATE'),
  same(['WALG_LIBSODIUM_KEY'], 'WALWARDEN_LIBSODIUM_KEY', true),
  same(['WALG_LIBSODIUM_KEY_PATH'], 'WALWARDEN_LIBSODIUM_KEY_PATH'),
  same(['WALG_LIBSODIUM_KEY_TRANSFORM'], 'WALWARDEN_LIBSODIUM_KEY_TRANSFORM'),
  same(['WALG_PGP_KEY'], 'WALWARDEN_PGP_KEY', true),
  same(['WALG_PGP_KEY_PATH'], 'WALWARDEN_PGP_KEY_PATH'),
  same(['WALG_PGP_KEY_PASSPHRASE'], 'WALWARDEN_PGP_KEY_PASSPHRASE', true),
  ...unreadableEncryption(
    'a key of a gpg key ring, which walwarden does not read: export it with "gpg --armor --export-secret-keys" to a ' +
      'file and name that in WALWARDEN_PGP_KEY_PATH',
    'WALE_GPG_KEY_ID',
    'WALG_GPG_KEY_ID',
  ),
  ...unreadableEncryption(
    "WAL-G's own way to encrypt with a key management service, which walwarden neither writes nor reads",
    'WALG_CSE_KMS_ID',
    'YC_CSE_KMS_KEY_ID',
    'WALG_ENVELOPE_PGP_KEY',
    'WALG_ENVELOPE_PGP_KEY_PATH',
  ),
];

const logLevels: Readonly<Record<string, string>> = {
  NORMAL: 'info',
  DEVEL: 'debug',
  WARNING: 'warn',
  ERROR: 'error',
};

const logging: readonly InheritedSetting[] = [
  setting(['WALG_LOG_LEVEL'], ['WALWARDEN_LOG_LEVEL'], (value) => {
    const level = logLevels[value.toUpperCase()];
    return level === undefined
      ? { ignore: 'it is none of NORMAL, DEVEL, WARNING and ERROR' }
      : { take: { WALWARDEN_LOG_LEVEL: level } };
  }),
];

/**
 * Every setting of WAL-G and WAL-E that we know, and what it means here. PG* variables, and AWS_* as the SDK reads them,
 * are ours under the same names and not listed. Ours go before theirs.
 */
export const inheritedTable: readonly InheritedSetting[] = [
  ...storage,
  ...packing,
  ...logging,
  ...withoutCounterpart,
];
