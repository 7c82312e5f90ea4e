import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import type { S3Encryption, S3Proxy, S3StoreOptions } from '../../lib/aws/s3-settings.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import type { Clock } from '../../lib/core/ports.ts';
import type { Log } from '../host/log.ts';
import { rateLimit } from '../host/rate-limit.ts';
import type { Settings } from '../settings/settings.ts';

const mebibyte = 2 ** 20;
const usualPieceBytes = 8 * mebibyte;
/** The store's own defaults, for what is reckoned from them. */
const usual = { partBytes: 16 * mebibyte, concurrency: 8, requestTimeoutSeconds: 60 } as const;

/** What the settings say of a bucket, in the store's words. What they leave out the store decides. */
export const s3OptionsOf = (
  place: { readonly bucket: string; readonly prefix: string },
  settings: Settings,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): S3StoreOptions => {
  const { s3, networkRate } = settings;
  const throttle = networkRate === undefined ? undefined : rateLimit(networkRate, clock);
  return {
    bucket: place.bucket,
    prefix: place.prefix,
    region: s3.region ?? usualRegion(settings),
    endpoint: s3.endpoint,
    forcePathStyle: s3.forcePathStyle,
    storageClass: s3.storageClass,
    serverSideEncryption: serverSideEncryptionOf(settings),
    partBytes: s3.partBytes,
    concurrency: s3.concurrency,
    parallelReads:
      s3.readPieces === undefined
        ? undefined
        : { pieces: s3.readPieces, pieceBytes: s3.readPieceBytes ?? usualPieceBytes },
    checksumMode: s3.checksums,
    deadlineMs: requestDeadlineMs(settings),
    connectTimeoutMs: milliseconds(s3.connectTimeoutSeconds),
    stallMs: milliseconds(s3.stallSeconds),
    maxAttempts: s3.maxAttempts,
    throttle,
    proxy: proxyOf(settings),
    onRequest: ({ operation, attempt }) => log.debug('s3', { state: 'request', operation, attempt }),
    clock,
  };
};

const milliseconds = (seconds: number | undefined): number | undefined =>
  seconds === undefined ? undefined : seconds * 1000;

/** The time that the store's throttle takes is part of a request's, so that a low rate needs a later deadline. */
const requestDeadlineMs = ({ s3, networkRate }: Settings): number | undefined => {
  if (networkRate === undefined) return milliseconds(s3.requestTimeoutSeconds);
  const { requestTimeoutSeconds = usual.requestTimeoutSeconds } = s3;
  const bytesUnderWay = (s3.partBytes ?? usual.partBytes) * (s3.concurrency ?? usual.concurrency);
  return Math.min((requestTimeoutSeconds + Math.ceil(bytesUnderWay / networkRate)) * 1000, 2 ** 31 - 1);
};

/** S3-compatible stores seldom have regions, but requests are signed for one. */
const usualRegion = ({ s3, aws }: Settings): string | undefined => {
  const isElsewhere = [s3.endpoint, aws.AWS_ENDPOINT_URL_S3, aws.AWS_ENDPOINT_URL].some(Boolean);
  return isElsewhere && aws.AWS_REGION === undefined && aws.AWS_PROFILE === undefined
    ? 'us-east-1'
    : undefined;
};

const serverSideEncryptionOf = ({ s3 }: Settings): S3Encryption | undefined => {
  if (s3.sseCustomerKey !== undefined) {
    return { kind: 'sse-c', key: Buffer.from(s3.sseCustomerKey.reveal(), 'base64') };
  }
  if (s3.sse === 'aes256') return { kind: 'sse-s3' };
  return s3.sse === undefined
    ? undefined
    : { kind: 'sse-kms', keyId: s3.sseKmsKeyId, bucketKey: s3.sseBucketKey };
};

const proxyOf = ({ s3, aws }: Settings): S3Proxy | undefined => {
  const endpoint = s3.endpoint ?? aws.AWS_ENDPOINT_URL_S3 ?? aws.AWS_ENDPOINT_URL;
  const usualProxy = endpoint?.startsWith('http://') === true ? aws.HTTP_PROXY : aws.HTTPS_PROXY;
  const proxy = s3.proxy ?? usualProxy;
  return proxy === undefined ? undefined : { url: proxy.reveal(), noProxy: s3.noProxy ?? aws.NO_PROXY };
};

/**
 * Lets this process trust what the file holds, besides what Node knows. Not NODE_EXTRA_CA_CERTS, because Node reads that
 * only when it starts.
 *
 * @throws 'settings-invalid'
 */
export const trustCertificatesIn = (caFile: string): void => {
  try {
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(caFile, 'utf8')]);
  } catch (cause) {
    throw new PipelineError('settings-invalid', {
      message: `the certificates in ${caFile} cannot be used: ${cause instanceof Error ? cause.message : cause}`,
      hint: 'WALWARDEN_S3_CA_FILE names a file of certificates in PEM, which this user can read.',
      cause,
    });
  }
};
