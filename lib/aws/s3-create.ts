import { crc32 } from 'node:zlib';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { isPipelineError, PipelineError } from '../core/errors.ts';
import type { ByteSource, CallOptions, ObjectKey } from '../core/ports.ts';
import { linkSignals, untilAborted } from './s3-abort.ts';
import { formatCrc32 } from './s3-checksum.ts';
import { placeOf } from './s3-errors.ts';
import type { S3Failure } from './s3-failure.ts';
import { storedFields } from './s3-fields.ts';
import { bucketKey } from './s3-keys.ts';
import { createInParts, type PartsOutcome } from './s3-multipart.ts';
import { type BodyPart, cutParts, gatherParts } from './s3-parts.ts';
import type { S3Context } from './s3-requests.ts';
import { statObject } from './s3-stat.ts';
import { isOwnWrite, isThere, newWriteMark, type WriteMark } from './s3-write-mark.ts';

/** 412 says that a key exists, be it by an earlier attempt of the same creation (s3-write-mark.ts). */
export const existsWhenRefused = (failure: S3Failure): 'exists' | undefined =>
  failure.status === 412 ? 'exists' : undefined;

/**
 * One PutObject of bytes that are kept for retries. 409, a lost race that may yet be won, is retried like a 503. Some
 * stores refuse before they have read the body and break the connection, which loses the refusal again and again; so
 * where no answer came, the next attempt looks first.
 */
export const putObject = async (
  context: S3Context,
  key: string,
  bytes: Uint8Array,
  options: CallOptions & { readonly createAs?: WriteMark },
): Promise<'created' | 'exists'> => {
  const { createAs } = options;
  let isUnanswered = false;
  const { settings } = context;
  const isChecked = settings.checksumMode === 'when-supported';
  const checksum = isChecked ? formatCrc32(crc32(bytes)) : undefined;
  return context.ask<'created' | 'exists'>({
    operation: 'PutObject',
    key,
    signal: options.signal,
    ...(createAs !== undefined && {
      expect: (failure) => {
        isUnanswered = failure.status === undefined;
        return existsWhenRefused(failure);
      },
    }),
    call: async (attempt) => {
      const { client, signal } = attempt;
      if (isUnanswered && (await isThere(context, key, attempt))) return 'exists';
      await settings.throttle?.(bytes.byteLength, signal);
      const command = new PutObjectCommand({
        Bucket: settings.bucket,
        Key: key,
        Body: bytes,
        ContentLength: bytes.byteLength,
        ...(checksum !== undefined && { ChecksumCRC32: checksum }),
        ...(createAs !== undefined && { IfNoneMatch: '*', ...createAs }),
        ...storedFields(settings),
      });
      await client.send(command, { abortSignal: signal });
      return 'created';
    },
  });
};

/** What a multipart upload that did not end in 'created' or 'exists' means once nothing can be sent again. */
const settleLost = async (
  context: S3Context,
  key: ObjectKey,
  whole: string,
  options: CallOptions,
): Promise<'exists'> => {
  const facts = await statObject(context, key, options).catch((error: unknown) => {
    // A role that may only push cannot see that a key is absent; what it should do is the same: try again.
    if (isPipelineError(error)) return undefined;
    throw error;
  });
  if (facts !== undefined) return 'exists';
  throw new PipelineError('store-unavailable', {
    message: `the upload to ${placeOf({ operation: '', bucket: context.settings.bucket, key: whole })} was lost to another one that was under way at the same time`,
    hint: 'Nothing was stored; the same upload may be tried again.',
  });
};

type CreateOptions = CallOptions & { readonly createAs: WriteMark; readonly alwaysInParts?: boolean };

const createFromBytes = async (
  context: S3Context,
  key: ObjectKey,
  bytes: Uint8Array,
  options: CreateOptions,
): Promise<'created' | 'exists'> => {
  const { partBytes, maxAttempts } = context.settings;
  const whole = bucketKey(context.settings.prefix, key);
  if (bytes.byteLength <= partBytes && options.alwaysInParts !== true) {
    return putObject(context, whole, bytes, options);
  }
  for (let attempt = 1; ; attempt += 1) {
    const linked = linkSignals(options.signal);
    const parts = cutParts(bytes, partBytes);
    const outcome = await createInParts(context, whole, parts, {
      linked,
      createAs: options.createAs,
    }).finally(linked.unlink);
    if (outcome !== 'lost') return outcome;
    if (attempt >= maxAttempts) return settleLost(context, key, whole, options);
    await context.pause(attempt, options.signal);
  }
};

async function* resume(
  first: BodyPart,
  rest: AsyncGenerator<BodyPart>,
): AsyncGenerator<BodyPart, void, undefined> {
  yield first;
  yield* rest;
}

const createFromStream = async (
  context: S3Context,
  key: ObjectKey,
  source: AsyncIterable<Uint8Array>,
  options: CreateOptions,
): Promise<'created' | 'exists'> => {
  const whole = bucketKey(context.settings.prefix, key);
  const linked = linkSignals(options.signal);
  const parts = gatherParts(untilAborted(source, linked.signal), context.settings.partBytes);
  try {
    const first = await parts.next();
    if (first.done === true) throw new Error('a body has at least one part');
    if (first.value.isLast && options.alwaysInParts !== true) {
      return await putObject(context, whole, first.value.bytes, options);
    }
    const upload = { linked, createAs: options.createAs };
    const outcome: PartsOutcome = await createInParts(context, whole, resume(first.value, parts), upload);
    // The parts are gone and so is the stream: all that is left is to look who won.
    return outcome === 'lost' ? await settleLost(context, key, whole, options) : outcome;
  } finally {
    linked.unlink();
    await parts.return();
  }
};

/** @see ObjectStore.create; `alwaysInParts` is for the probe of conditional writes */
export const createObject = async (
  context: S3Context,
  key: ObjectKey,
  body: ByteSource,
  options: CallOptions & { readonly alwaysInParts?: boolean } = {},
): Promise<'created' | 'exists'> => {
  options.signal?.throwIfAborted();
  const marked = { ...options, createAs: newWriteMark() };
  const outcome =
    body instanceof Uint8Array
      ? await createFromBytes(context, key, body, marked)
      : await createFromStream(context, key, body, marked);
  if (outcome === 'created') return outcome;
  const whole = bucketKey(context.settings.prefix, key);
  return (await isOwnWrite(context, whole, marked.createAs, options)) ? 'created' : 'exists';
};
