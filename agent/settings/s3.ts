import { absolutePath, boolean, byteSize, httpUrl, matching, oneOf, text, wholeNumber } from './kinds.ts';
import { secretBytes, secretUrl } from './secret-kinds.ts';
import { optional, type Take } from './setting.ts';

const day = 86_400;

/** An archive in an S3 bucket: where, how it is stored there, and how it is reached. What is left out the store knows. */
export const s3Table = {
  endpoint: optional({
    variable: 'WALWARDEN_S3_ENDPOINT',
    group: 's3',
    kind: httpUrl,
    doc: 'The URL of an S3-compatible store; left out, Amazon S3.',
  }),
  region: optional({
    variable: 'WALWARDEN_S3_REGION',
    group: 's3',
    kind: matching('region', /^[A-Za-z0-9-]{1,64}$/, 'must be the name of a region such as eu-central-1'),
    doc: 'The region of the bucket; left out, AWS_REGION or the region of the profile.',
  }),
  forcePathStyle: optional({
    variable: 'WALWARDEN_S3_FORCE_PATH_STYLE',
    group: 's3',
    kind: boolean,
    doc: 'Name the bucket in the path of a URL instead of its host, as most S3-compatible stores need it.',
  }),
  storageClass: optional({
    variable: 'WALWARDEN_S3_STORAGE_CLASS',
    group: 's3',
    kind: matching('storage class', /^[A-Z][A-Z0-9_]{1,63}$/, 'must be a storage class such as STANDARD_IA'),
    doc: 'The storage class of new objects, such as STANDARD_IA; left out, the bucket decides.',
  }),
  sse: optional({
    variable: 'WALWARDEN_S3_SSE',
    group: 's3',
    kind: oneOf('aes256', 'aws:kms'),
    doc: 'How the store encrypts new objects at rest; left out, the bucket decides.',
  }),
  sseKmsKeyId: optional({
    variable: 'WALWARDEN_S3_SSE_KMS_KEY_ID',
    group: 's3',
    kind: text,
    doc: 'The KMS key of aws:kms; left out, the key that AWS manages for S3.',
  }),
  sseBucketKey: optional({
    variable: 'WALWARDEN_S3_SSE_BUCKET_KEY',
    group: 's3',
    kind: boolean,
    doc: 'Use an S3 bucket key with aws:kms, which saves nearly all calls to KMS.',
  }),
  sseCustomerKey: optional({
    variable: 'WALWARDEN_S3_SSE_C_KEY',
    group: 's3',
    kind: secretBytes(32),
    secret: true,
    doc: 'A key of your own (SSE-C), 32 bytes in base64, without which nobody reads the objects again.',
  }),
  partBytes: optional({
    variable: 'WALWARDEN_S3_PART_BYTES',
    group: 's3',
    kind: byteSize(5 * 2 ** 20, 5 * 2 ** 30),
    doc: 'Objects beyond this size are uploaded in parts of it; left out, 16 MiB.',
  }),
  concurrency: optional({
    variable: 'WALWARDEN_S3_CONCURRENCY',
    group: 's3',
    kind: wholeNumber(1, 1024),
    doc: 'How many connections are used at once; left out, 8.',
  }),
  readPieces: optional({
    variable: 'WALWARDEN_S3_READ_PIECES',
    group: 's3',
    kind: wholeNumber(1, 1024),
    doc: 'Read large objects in this many pieces at once; left out, in one stream.',
  }),
  readPieceBytes: optional({
    variable: 'WALWARDEN_S3_READ_PIECE_BYTES',
    group: 's3',
    kind: byteSize(64 * 2 ** 10, 2 ** 30),
    doc: 'The size of such a piece; left out, 8 MiB.',
  }),
  checksums: optional({
    variable: 'WALWARDEN_S3_CHECKSUMS',
    group: 's3',
    kind: oneOf('when-supported', 'when-required'),
    doc: 'Send and check checksums of whole objects; when-required is for stores that refuse them.',
  }),
  caFile: optional({
    variable: 'WALWARDEN_S3_CA_FILE',
    group: 's3',
    kind: absolutePath,
    doc: 'A file of certificate authorities to trust besides those that Node knows.',
  }),
  proxy: optional({
    variable: 'WALWARDEN_S3_PROXY',
    group: 's3',
    kind: secretUrl,
    secret: true,
    doc: 'The HTTP proxy to reach the store through; left out, HTTPS_PROXY or HTTP_PROXY.',
  }),
  noProxy: optional({
    variable: 'WALWARDEN_S3_NO_PROXY',
    group: 's3',
    kind: text,
    doc: 'Hosts to reach without the proxy, separated by commas; left out, NO_PROXY.',
  }),
  requestTimeoutSeconds: optional({
    variable: 'WALWARDEN_S3_REQUEST_TIMEOUT_SECONDS',
    group: 's3',
    kind: wholeNumber(1, day, 'seconds'),
    doc: 'The longest that one request may take with all its retries; left out, 60.',
  }),
  connectTimeoutSeconds: optional({
    variable: 'WALWARDEN_S3_CONNECT_TIMEOUT_SECONDS',
    group: 's3',
    kind: wholeNumber(1, 3600, 'seconds'),
    doc: 'The longest to wait for a connection; left out, 5.',
  }),
  stallSeconds: optional({
    variable: 'WALWARDEN_S3_STALL_SECONDS',
    group: 's3',
    kind: wholeNumber(1, 3600, 'seconds'),
    doc: 'A connection on which nothing moves for so long is given up; left out, 20.',
  }),
  maxAttempts: optional({
    variable: 'WALWARDEN_S3_MAX_ATTEMPTS',
    group: 's3',
    kind: wholeNumber(1, 100),
    doc: 'How often one request is tried in all; left out, 5.',
  }),
} as const;

export const readS3Settings = (take: Take) => ({
  endpoint: take(s3Table.endpoint),
  region: take(s3Table.region),
  forcePathStyle: take(s3Table.forcePathStyle),
  storageClass: take(s3Table.storageClass),
  sse: take(s3Table.sse),
  sseKmsKeyId: take(s3Table.sseKmsKeyId),
  sseBucketKey: take(s3Table.sseBucketKey),
  sseCustomerKey: take(s3Table.sseCustomerKey),
  partBytes: take(s3Table.partBytes),
  concurrency: take(s3Table.concurrency),
  readPieces: take(s3Table.readPieces),
  readPieceBytes: take(s3Table.readPieceBytes),
  checksums: take(s3Table.checksums),
  caFile: take(s3Table.caFile),
  proxy: take(s3Table.proxy),
  noProxy: take(s3Table.noProxy),
  requestTimeoutSeconds: take(s3Table.requestTimeoutSeconds),
  connectTimeoutSeconds: take(s3Table.connectTimeoutSeconds),
  stallSeconds: take(s3Table.stallSeconds),
  maxAttempts: take(s3Table.maxAttempts),
});

export type S3Settings = Readonly<ReturnType<typeof readS3Settings>>;

/** What contradicts itself among the settings of S3. */
export const s3Problems = (s3: S3Settings): readonly string[] => [
  ...(s3.sse !== undefined && s3.sseCustomerKey !== undefined
    ? ['WALWARDEN_S3_SSE and WALWARDEN_S3_SSE_C_KEY exclude each other']
    : []),
  ...(s3.sse !== 'aws:kms' && s3.sseKmsKeyId !== undefined
    ? ['WALWARDEN_S3_SSE_KMS_KEY_ID needs WALWARDEN_S3_SSE=aws:kms']
    : []),
  ...(s3.sse !== 'aws:kms' && s3.sseBucketKey !== undefined
    ? ['WALWARDEN_S3_SSE_BUCKET_KEY needs WALWARDEN_S3_SSE=aws:kms']
    : []),
  ...(s3.readPieces === undefined && s3.readPieceBytes !== undefined
    ? ['WALWARDEN_S3_READ_PIECE_BYTES needs WALWARDEN_S3_READ_PIECES']
    : []),
];
