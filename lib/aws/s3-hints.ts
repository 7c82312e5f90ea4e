import type { S3Failure } from './s3-failure.ts';

type Request = { readonly operation: string; readonly bucket: string };
type Hint = {
  readonly codes?: readonly string[];
  readonly matches?: (failure: S3Failure, request: Request) => boolean;
  readonly text: string | ((failure: S3Failure, request: Request) => string);
};

const permissionOf: Readonly<Record<string, string>> = {
  GetObject: 's3:GetObject',
  HeadObject: 's3:GetObject',
  PutObject: 's3:PutObject',
  CreateMultipartUpload: 's3:PutObject',
  UploadPart: 's3:PutObject',
  CompleteMultipartUpload: 's3:PutObject',
  AbortMultipartUpload: 's3:AbortMultipartUpload',
  DeleteObject: 's3:DeleteObject',
  ListObjectsV2: 's3:ListBucket',
};

const deniedHint = (_failure: S3Failure, request: Request): string => {
  const permission = permissionOf[request.operation] ?? `the permission for ${request.operation}`;
  if (request.operation === 'ListObjectsV2') {
    return `Grant s3:ListBucket on the bucket ${request.bucket} itself (its ARN without /*) for the archive's prefix.`;
  }
  if (request.operation === 'GetObject' || request.operation === 'HeadObject') {
    return (
      `Grant ${permission} on the archive's keys, and s3:ListBucket on the bucket ${request.bucket}: without ` +
      's3:ListBucket S3 answers 403 for an object that is not there, and its absence cannot be proven.'
    );
  }
  return `Grant ${permission} on the archive's keys in ${request.bucket}, and look for a Deny in the bucket policy.`;
};

const isDenied = (failure: S3Failure): boolean => failure.status === 403 || failure.code === 'AccessDenied';
const mentions = (failure: S3Failure, words: RegExp): boolean =>
  words.test(`${failure.code} ${failure.message}`);

// In order: the first that fits speaks.
const hints: readonly Hint[] = [
  {
    codes: ['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException'],
    matches: ({ status }) => status === 301 || status === 307,
    text: ({ bucketRegion }, { bucket }) =>
      bucketRegion === undefined
        ? `The bucket ${bucket} is in another region: set the region of the archive to that of the bucket.`
        : `The bucket ${bucket} is in ${bucketRegion}: set the region of the archive to it.`,
  },
  {
    codes: ['RegionMissing'],
    text: 'Set the region of the archive, or AWS_REGION; an S3-compatible store takes any, for example us-east-1.',
  },
  {
    codes: ['RequestTimeTooSkewed'],
    text: "This machine's clock is more than 15 minutes off: let NTP set it.",
  },
  {
    codes: ['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'InvalidToken'],
    text: 'The temporary credentials have run out or belong elsewhere: renew them, or use a role that renews itself.',
  },
  {
    codes: ['InvalidAccessKeyId'],
    text: 'The store does not know this access key: check it, and that the endpoint is the store that made it.',
  },
  {
    codes: ['SignatureDoesNotMatch'],
    text: 'Check the secret access key, and whether a proxy on the way changes requests.',
  },
  {
    codes: ['CredentialsProviderError', 'TokenProviderError'],
    text: 'No credentials were found: give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role to this machine.',
  },
  {
    codes: ['NoSuchBucket', 'InvalidBucketName'],
    text: (_failure, { bucket }) =>
      `Check the name ${bucket}, the endpoint, and that the bucket was created.`,
  },
  {
    matches: (failure) => mentions(failure, /\bkms\b|^KMS\./i),
    text: 'The KMS key refuses: the role needs kms:GenerateDataKey to write and kms:Decrypt to read, in its own policy and in the key policy, and the key must be enabled.',
  },
  {
    codes: ['InvalidObjectState'],
    text: 'The object was moved to Glacier: restore it first (aws s3api restore-object), then run this again.',
  },
  {
    matches: (failure) => mentions(failure, /server side encryption|SSECustomer|InvalidEncryptionAlgorithm/i),
    text: 'The object was written with another key: give the SSE-C key that it was written with.',
  },
  {
    codes: ['EntityTooLarge'],
    matches: ({ status }) => status === 413,
    text: 'The store, or a proxy before it, takes only smaller requests: lower the part size.',
  },
  { codes: ['EntityTooSmall'], text: 'This store wants larger parts: raise the part size.' },
  { codes: ['QuotaExceeded', 'InsufficientStorage'], text: 'The store is full or has reached its quota.' },
  { matches: isDenied, text: deniedHint },
  {
    codes: ['SlowDown', 'Throttling', 'ThrottlingException', 'RequestLimitExceeded', 'TooManyRequests'],
    matches: ({ status }) => status === 429,
    text: 'The store asks for fewer requests (S3 allows 3,500 writes and 5,500 reads a second under one prefix): lower the concurrency, or wait.',
  },
  {
    codes: ['ENOTFOUND', 'EAI_AGAIN'],
    text: 'The host has no address: check region and endpoint; a store that does not know bucket.host names needs path style.',
  },
  {
    matches: ({ code }) => /CERT|^ERR_TLS|SIGNATURE_/.test(code),
    text: 'Node does not trust the certificate: name the CA in NODE_EXTRA_CA_CERTS, and use the host name that the certificate holds (path style where it lacks *.host).',
  },
  {
    matches: (failure) => failure.code === 'EPROTO' || mentions(failure, /^ERR_SSL|^HPE_/),
    text: 'The other side does not speak what was asked: check http against https, the port and the proxy.',
  },
  {
    codes: [
      'NotImplemented',
      'XAmzContentChecksumMismatch',
      'XAmzContentSHA256Mismatch',
      'MissingContentLength',
    ],
    matches: (failure) =>
      mentions(failure, /checksum|x-amz-trailer|x-amz-sdk|Deserialization|not implemented/i),
    text: 'Some S3-compatible stores refuse checksum headers: set the checksum mode to when-required.',
  },
  {
    codes: ['ECONNREFUSED', 'TimeoutError', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'],
    text: 'Check endpoint, proxy, firewall and, inside a VPC, its S3 endpoint.',
  },
];

/** A sentence on what to check; undefined when nothing better than the message is known. */
export const hintFor = (request: Request, failure: S3Failure): string | undefined => {
  const hint = hints.find(
    ({ codes, matches }) => codes?.includes(failure.code) === true || matches?.(failure, request) === true,
  );
  return typeof hint?.text === 'function' ? hint.text(failure, request) : hint?.text;
};
