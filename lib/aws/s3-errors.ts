import { type ErrorCode, PipelineError } from '../core/errors.ts';
import type { S3Failure } from './s3-failure.ts';
import { hintFor } from './s3-hints.ts';

/** What was asked of the store, for messages. */
export type S3Request = {
  /** The S3 API's own name: 'PutObject'. */
  readonly operation: string;
  readonly bucket: string;
  /** Inside the bucket, prefix included; undefined for what concerns the bucket. */
  readonly key?: string | undefined;
};

const deniedCodes = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidToken',
  'TokenRefreshRequired',
  'SignatureDoesNotMatch',
  'AllAccessDisabled',
  'AccountProblem',
  'AccessDenied',
]);

const misconfiguredCodes = new Set([
  'RequestTimeTooSkewed',
  'CredentialsProviderError',
  'TokenProviderError',
  'RegionMissing',
  // A name of a virtual host or TLS will not heal by itself.
  'EPROTO',
]);

const isTlsCode = (code: string): boolean => /CERT|SIGNATURE_|^ERR_(?:SSL|TLS)/.test(code);

const codeFor = ({ code, status }: S3Failure): ErrorCode => {
  if (deniedCodes.has(code)) return 'store-denied';
  if (misconfiguredCodes.has(code) || isTlsCode(code)) return 'store-misconfigured';
  if (status === undefined || status >= 500 || status === 429 || status === 408 || status === 409) {
    return status === 501 ? 'store-misconfigured' : 'store-unavailable';
  }
  if (code === 'RequestTimeout') return 'store-unavailable';
  return status === 401 || status === 403 ? 'store-denied' : 'store-misconfigured';
};

export const placeOf = (request: S3Request): string =>
  `s3://${request.bucket}${request.key === undefined ? '' : `/${request.key}`}`;

/**
 * The one translation of S3's errors into ours. The message names operation, bucket, key, what was answered and the
 * request id that AWS support asks for.
 */
export const translateS3Failure = (
  request: S3Request,
  failure: S3Failure,
  facts: { readonly attempts: number; readonly cause: unknown; readonly code?: ErrorCode | undefined },
): PipelineError => {
  const status = failure.status === undefined ? '' : ` (status ${failure.status})`;
  const id = failure.requestId === undefined ? '' : `, request id ${failure.requestId}`;
  const attempts = facts.attempts > 1 ? `, after ${facts.attempts} attempts` : '';
  return new PipelineError(facts.code ?? codeFor(failure), {
    message: `${request.operation} of ${placeOf(request)} failed with ${failure.code}${status}: ${failure.message}${id}${attempts}`,
    hint: hintFor(request, failure),
    cause: facts.cause,
  });
};
