import { strict as assert } from 'node:assert';
import { crc32 } from 'node:zlib';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { PipelineError } from '../core/errors.ts';
import type { LinkedSignal } from './s3-abort.ts';
import { formatCrc32 } from './s3-checksum.ts';
import { placeOf } from './s3-errors.ts';
import type { S3Failure } from './s3-failure.ts';
import { keyFields, storedFields } from './s3-fields.ts';
import type { BodyPart } from './s3-parts.ts';
import type { S3Context } from './s3-requests.ts';
import { partLimits } from './s3-settings.ts';
import type { WriteMark } from './s3-write-mark.ts';

/** 'lost': a race or a lost answer ended the upload, its parts are gone, and the object may or may not be there. */
export type PartsOutcome = 'created' | 'exists' | 'lost';

/** Parts on their way at once. Memory is this and one more that is being gathered. */
const mostPartsInFlight = 4;
const abortDeadlineMs = 10_000;

type Upload = { readonly context: S3Context; readonly key: string; readonly uploadId: string };
type SentPart = { readonly ETag: string; readonly PartNumber: number; readonly ChecksumCRC32?: string };
type SentBody = { readonly parts: readonly SentPart[]; readonly crc32: number; readonly objectBytes: number };

const isChecked = ({ settings }: S3Context): boolean => settings.checksumMode === 'when-supported';

/** A retry after a lost answer leaves an upload that nobody knows; the bucket's lifecycle rule has to end such ones. */
const begin = async (
  context: S3Context,
  key: string,
  createAs: WriteMark,
  signal: AbortSignal,
): Promise<Upload> => {
  const { settings } = context;
  const uploadId = await context.ask({
    operation: 'CreateMultipartUpload',
    key,
    signal,
    call: async ({ client, signal: abortSignal }) => {
      const command = new CreateMultipartUploadCommand({
        Bucket: settings.bucket,
        Key: key,
        ...(isChecked(context) && { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' }),
        ...storedFields(settings),
        ...createAs,
      });
      return (await client.send(command, { abortSignal })).UploadId;
    },
  });
  if (uploadId === undefined) {
    throw new PipelineError('store-misconfigured', {
      message: `CreateMultipartUpload of ${placeOf({ operation: '', bucket: settings.bucket, key })} was answered without an upload id`,
      hint: 'Check that the endpoint is an S3 API.',
    });
  }
  return { context, key, uploadId };
};

const sendPart = async (
  { context, key, uploadId }: Upload,
  partNumber: number,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<SentPart> => {
  const { settings } = context;
  const checksum = isChecked(context) ? { ChecksumCRC32: formatCrc32(crc32(bytes)) } : {};
  const version = await context.ask({
    operation: 'UploadPart',
    key,
    signal,
    call: async ({ client, signal: abortSignal }) => {
      await settings.throttle?.(bytes.byteLength, abortSignal);
      const command = new UploadPartCommand({
        Bucket: settings.bucket,
        Key: key,
        UploadId: uploadId,
        PartNumber: partNumber,
        Body: bytes,
        ContentLength: bytes.byteLength,
        ...checksum,
        ...keyFields(settings),
      });
      return (await client.send(command, { abortSignal })).ETag ?? '';
    },
  });
  return { ETag: version, PartNumber: partNumber, ...checksum };
};

const tooManyParts = ({ context, key }: Upload): PipelineError => {
  const { bucket, partBytes } = context.settings;
  return new PipelineError('store-misconfigured', {
    message: `the object ${placeOf({ operation: '', bucket, key })} is longer than ${partLimits.most} parts of ${partBytes} bytes`,
    hint: 'Raise the part size of the S3 store.',
  });
};

/**
 * Sends the parts as they come, a few at once. The first failure ends the source and the other parts through the
 * linked signal, and only then is thrown, so that nothing is under way any more.
 */
const sendParts = async (
  upload: Upload,
  body: AsyncIterable<BodyPart>,
  linked: LinkedSignal,
): Promise<SentBody> => {
  const inFlight = new Set<Promise<void>>();
  const parts: SentPart[] = [];
  let failure: { readonly error: unknown } | undefined;
  let checksum = 0;
  let objectBytes = 0;
  let partNumber = 0;
  const most = Math.min(mostPartsInFlight, upload.context.settings.concurrency);
  const fail = (error: unknown): void => {
    failure ??= { error };
    linked.abort(error);
  };
  const start = (number: number, bytes: Uint8Array): void => {
    const sent: Promise<void> = sendPart(upload, number, bytes, linked.signal)
      .then((part) => {
        parts.push(part);
      }, fail)
      .finally(() => inFlight.delete(sent));
    inFlight.add(sent);
  };
  try {
    for await (const { bytes } of body) {
      partNumber += 1;
      if (partNumber > partLimits.most) throw tooManyParts(upload);
      checksum = crc32(bytes, checksum);
      objectBytes += bytes.byteLength;
      start(partNumber, bytes);
      while (inFlight.size >= most) await Promise.race(inFlight);
      if (failure !== undefined) break;
    }
  } catch (error) {
    fail(error);
  }
  await Promise.all(inFlight);
  if (failure !== undefined) throw failure.error;
  assert.equal(parts.length, partNumber, 'every part was sent');
  return { parts: parts.toSorted((a, b) => a.PartNumber - b.PartNumber), crc32: checksum, objectBytes };
};

/**
 * 409 asks for the upload to be begun anew (Amazon S3 API, CompleteMultipartUpload). 404 after an attempt whose answer
 * was lost: that attempt may have been done, which ends the upload.
 */
const refusedCompletion = (failure: S3Failure, attempt: number): PartsOutcome | undefined => {
  if (failure.status === 412) return 'exists';
  if (failure.status === 409) return 'lost';
  return failure.status === 404 && failure.code === 'NoSuchUpload' && attempt > 1 ? 'lost' : undefined;
};

const complete = async (
  { context, key, uploadId }: Upload,
  body: SentBody,
  signal: AbortSignal,
): Promise<PartsOutcome> => {
  const { settings } = context;
  return context.ask<PartsOutcome>({
    operation: 'CompleteMultipartUpload',
    key,
    signal,
    expect: refusedCompletion,
    call: async ({ client, signal: abortSignal }) => {
      const command = new CompleteMultipartUploadCommand({
        Bucket: settings.bucket,
        Key: key,
        UploadId: uploadId,
        MultipartUpload: { Parts: [...body.parts] },
        IfNoneMatch: '*',
        ...(isChecked(context) && {
          ChecksumCRC32: formatCrc32(body.crc32),
          ChecksumType: 'FULL_OBJECT',
          MpuObjectSize: body.objectBytes,
        }),
        ...keyFields(settings),
      });
      await client.send(command, { abortSignal });
      return 'created';
    },
  });
};

/** Parts of an upload that is not ended are stored and billed. What fails here is left to the bucket's lifecycle rule. */
const abort = async ({ context, key, uploadId }: Upload): Promise<void> => {
  const { settings } = context;
  const command = new AbortMultipartUploadCommand({ Bucket: settings.bucket, Key: key, UploadId: uploadId });
  await context
    .ask({
      operation: 'AbortMultipartUpload',
      key,
      deadlineMs: Math.min(abortDeadlineMs, settings.deadlineMs),
      call: async ({ client, signal }) => {
        await client.send(command, { abortSignal: signal });
      },
    })
    .catch(() => undefined);
};

/** Uploads a body of unknown length under a key that does not exist. On any failure the upload is aborted. */
export const createInParts = async (
  context: S3Context,
  key: string,
  body: AsyncIterable<BodyPart>,
  { linked, createAs }: { readonly linked: LinkedSignal; readonly createAs: WriteMark },
): Promise<PartsOutcome> => {
  const upload = await begin(context, key, createAs, linked.signal);
  let outcome: PartsOutcome | undefined;
  try {
    outcome = await complete(upload, await sendParts(upload, body, linked), linked.signal);
    return outcome;
  } finally {
    if (outcome !== 'created') await abort(upload);
  }
};
