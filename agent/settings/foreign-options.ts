import type { Entry } from './setting.ts';

type ForeignOption = {
  readonly type: 'string' | 'boolean';
  readonly doc: string;
  readonly short?: string;
};

/**
 * Options of WAL-G and WAL-E that mean a setting, and stand anywhere on the line as they do there. They are accepted and
 * not advertised. What each sets are variables; an empty text unsets.
 */
const table: Readonly<
  Record<
    string,
    { readonly spec: ForeignOption; readonly variables: readonly string[]; readonly value?: string }
  >
> = {
  turbo: {
    spec: { type: 'boolean', doc: 'Without limits on the rate (WAL-G).' },
    variables: [
      'WALWARDEN_NETWORK_RATE',
      'WALWARDEN_DISK_RATE',
      'WALG_NETWORK_RATE_LIMIT',
      'WALG_DISK_RATE_LIMIT',
    ],
    value: '',
  },
  's3-prefix': { spec: { type: 'string', doc: 'The prefix (WAL-E).' }, variables: ['WALE_S3_PREFIX'] },
  'file-prefix': { spec: { type: 'string', doc: 'The prefix (WAL-E).' }, variables: ['WALE_FILE_PREFIX'] },
  'gpg-key-id': { spec: { type: 'string', doc: 'The key (WAL-E).' }, variables: ['WALE_GPG_KEY_ID'] },
  'aws-access-key-id': {
    spec: { type: 'string', short: 'k', doc: 'The access key (WAL-E).' },
    variables: ['AWS_ACCESS_KEY_ID'],
  },
  'pool-size': { spec: { type: 'string', doc: 'How much at once (WAL-E).' }, variables: ['WALWARDEN_JOBS'] },
  'cluster-read-rate-limit': {
    spec: { type: 'string', doc: 'Bytes a second (WAL-E).' },
    variables: ['WALWARDEN_DISK_RATE'],
  },
  'aws-instance-profile': {
    spec: { type: 'boolean', doc: 'The SDK finds the instance profile by itself (WAL-E).' },
    variables: [],
  },
  terse: { spec: { type: 'boolean', doc: 'WALWARDEN_LOG_LEVEL decides (WAL-E).' }, variables: [] },
};

export const foreignOptions: Readonly<Record<string, ForeignOption>> = Object.fromEntries(
  Object.entries(table).map(([name, { spec }]) => [name, spec]),
);

/** The variables that such options set. */
export const foreignOverrides = (given: ReadonlyMap<string, string>): readonly (readonly [string, Entry])[] =>
  [...given].flatMap(([name, text]) =>
    (table[name]?.variables ?? []).map(
      (variable) => [variable, { value: table[name]?.value ?? text, origin: `--${name}` }] as const,
    ),
  );
