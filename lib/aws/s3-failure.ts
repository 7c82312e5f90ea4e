/** What an error of the SDK, of the network or of TLS says, read once, so that nobody else looks inside one. */
export type S3Failure = {
  /** S3's or Node's word for it: 'AccessDenied', 'ECONNRESET', 'TimeoutError'. */
  readonly code: string;
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  /** One line, shortened. */
  readonly message: string;
  /** The region that the bucket is in, where the answer says so. */
  readonly bucketRegion: string | undefined;
};

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

const textOf = (value: unknown, name: string): string | undefined => {
  const field = fieldOf(value, name);
  return typeof field === 'string' && field !== '' ? field : undefined;
};

const sdkNames = new Set(['TimeoutError', 'AbortError', 'CredentialsProviderError', 'TokenProviderError']);

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim().slice(0, 300);

/** An error without an answer: of a socket, of a name server, of TLS, or the SDK's own. */
const localFailure = (thrown: Error): S3Failure | undefined => {
  // Several addresses of one host that all failed come as one error; its first part says more than the whole.
  const parts = fieldOf(thrown, 'errors');
  const first: unknown = Array.isArray(parts) ? parts[0] : undefined;
  const code = textOf(thrown, 'code') ?? textOf(first, 'code');
  const isSdk = sdkNames.has(thrown.name);
  const isRegionMissing = thrown.message.includes('Region is missing');
  if (!isSdk && !isRegionMissing && (code === undefined || !isNetworkCode(code))) return undefined;
  const message = thrown.message === '' ? (textOf(first, 'message') ?? '') : thrown.message;
  return {
    code: isRegionMissing ? 'RegionMissing' : isSdk ? thrown.name : (code ?? thrown.name),
    status: undefined,
    requestId: undefined,
    message: oneLine(message),
    bucketRegion: undefined,
  };
};

// Node's and OpenSSL's words are upper case with underscores; ERR_* of Node itself are mostly bugs of ours, these not.
const isNetworkCode = (code: string): boolean =>
  /^E[A-Z]{3,}(?:_[A-Z]+)?$|CERT|SIGNATURE|^ERR_(?:SSL|TLS|STREAM_PREMATURE_CLOSE|PROXY|HTTP)/.test(code) ||
  code.startsWith('HPE_');

/** Undefined for what is none of theirs: a bug of ours, which keeps its stack. */
export const failureOf = (thrown: unknown): S3Failure | undefined => {
  if (!(thrown instanceof Error)) return undefined;
  const metadata = fieldOf(thrown, '$metadata');
  const response = fieldOf(thrown, '$response');
  const headers = fieldOf(response, 'headers');
  const metadataStatus = fieldOf(metadata, 'httpStatusCode');
  const status = typeof metadataStatus === 'number' ? metadataStatus : fieldOf(response, 'statusCode');
  if (typeof status !== 'number') return localFailure(thrown);
  return {
    // An answer without a body (HEAD) or with one that is no XML leaves only the status to go by.
    code: textOf(thrown, 'Code') ?? textOf(thrown, 'name') ?? 'Unknown',
    status,
    requestId: textOf(metadata, 'requestId') ?? textOf(headers, 'x-amz-request-id'),
    message: oneLine(thrown.message),
    bucketRegion: textOf(headers, 'x-amz-bucket-region') ?? textOf(thrown, 'Region'),
  };
};

const transientCodes = new Set([
  // Of S3
  'ConditionalRequestConflict',
  'OperationAborted',
  'RequestTimeout',
  'RequestTimeTooSkewed', // the SDK has learned the offset from the answer; a clock that is off stays off after retries
  'SlowDown',
  'InternalError',
  'ServiceUnavailable',
  'Throttling',
  'ThrottlingException',
  'RequestLimitExceeded',
  'BandwidthLimitExceeded',
  // What was damaged on the way is sent again.
  'BadDigest',
  'IncompleteBody',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
  // Of the SDK and the network
  'TimeoutError',
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'ENOTFOUND',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** Whether the same request may succeed in a moment. */
export const isTransient = (failure: S3Failure): boolean =>
  transientCodes.has(failure.code) ||
  failure.code.startsWith('HPE_') ||
  failure.status === 429 ||
  (failure.status !== undefined && failure.status >= 500 && failure.status !== 501);
