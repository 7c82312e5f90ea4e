import type {
  GetObjectCommandInput,
  HeadObjectCommandOutput,
  PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { PipelineError } from '../core/errors.ts';
import type { ObjectFacts, ObjectKey } from '../core/ports.ts';
import { placeOf } from './s3-errors.ts';
import type { S3Settings } from './s3-settings.ts';

type Settings = Pick<S3Settings, 'serverSideEncryption' | 'storageClass'>;
export type KeyFields = Pick<GetObjectCommandInput, 'SSECustomerAlgorithm' | 'SSECustomerKey'>;
type StoredFields = KeyFields &
  Pick<PutObjectCommandInput, 'StorageClass' | 'ServerSideEncryption' | 'SSEKMSKeyId' | 'BucketKeyEnabled'>;

/** What every request on the bytes of an SSE-C object has to carry: reads, parts and heads as well as writes. */
export const keyFields = ({ serverSideEncryption: encryption }: Settings): KeyFields =>
  encryption?.kind === 'sse-c'
    ? { SSECustomerAlgorithm: 'AES256', SSECustomerKey: Buffer.from(encryption.key).toString('base64') }
    : {};

/** How a new object is stored: of PutObject and CreateMultipartUpload. */
export const storedFields = (settings: Settings): StoredFields => {
  const { serverSideEncryption: encryption, storageClass } = settings;
  return {
    ...keyFields(settings),
    // The type of the SDK is a closed list; S3-compatible stores have classes of their own.
    ...(storageClass !== undefined && { StorageClass: storageClassOf(storageClass) }),
    ...(encryption?.kind === 'sse-s3' && { ServerSideEncryption: 'AES256' as const }),
    ...(encryption?.kind === 'sse-kms' && {
      ServerSideEncryption: 'aws:kms' as const,
      ...(encryption.keyId !== undefined && { SSEKMSKeyId: encryption.keyId }),
      ...(encryption.bucketKey !== undefined && { BucketKeyEnabled: encryption.bucketKey }),
    }),
  };
};

type StorageClassName = NonNullable<PutObjectCommandInput['StorageClass']>;
const storageClassOf = (name: string): StorageClassName => name as StorageClassName;

type Answer = Pick<HeadObjectCommandOutput, 'ETag' | 'LastModified' | 'ContentLength'> & {
  readonly ContentRange?: string | undefined;
};

/** 'bytes 5-9/100' of an answer to a ranged read; `end` exclusive. Undefined when it is something else. */
export const parseContentRange = (
  text: string,
): { readonly start: number; readonly end: number; readonly objectBytes: number } | undefined => {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(text);
  if (match === null) return undefined;
  const [start = 0, last = 0, objectBytes = 0] = match.slice(1).map(Number);
  return last < start || last >= objectBytes ? undefined : { start, end: last + 1, objectBytes };
};

/** @throws 'store-misconfigured' when the answer lacks what S3 always sends: whatever answers is no S3 store */
export const factsOf = (
  settings: Pick<S3Settings, 'bucket'>,
  key: ObjectKey,
  whole: string,
  answer: Answer,
): ObjectFacts => {
  const { ETag: version, LastModified: modifiedAt, ContentLength: contentBytes } = answer;
  const objectBytes =
    answer.ContentRange === undefined ? contentBytes : parseContentRange(answer.ContentRange)?.objectBytes;
  if (version === undefined || modifiedAt === undefined || objectBytes === undefined) {
    throw new PipelineError('store-misconfigured', {
      message: `the answer about ${placeOf({ operation: '', bucket: settings.bucket, key: whole })} lacks its ETag, its time or its length`,
      hint: 'Check that the endpoint is an S3 API and that no proxy on the way takes headers away.',
    });
  }
  return { key, objectBytes, modifiedAt, version };
};
