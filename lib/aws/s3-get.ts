import { Readable } from 'node:stream';
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { PipelineError } from '../core/errors.ts';
import type { ByteRange, CallOptions, ObjectFacts, ObjectKey } from '../core/ports.ts';
import type { S3Body } from './s3-body.ts';
import { checksumOf, type RunningChecksum } from './s3-checksum.ts';
import { placeOf } from './s3-errors.ts';
import type { S3Failure } from './s3-failure.ts';
import { factsOf, keyFields, parseContentRange } from './s3-fields.ts';
import { bucketKey } from './s3-keys.ts';
import type { S3Context } from './s3-requests.ts';
import type { S3Settings } from './s3-settings.ts';

export type RangeAnswer =
  | {
      readonly kind: 'content';
      readonly facts: ObjectFacts;
      readonly body: S3Body;
      /** Where in the object the body begins, and ends (exclusive). */
      readonly start: number;
      readonly end: number;
      /** Of the whole object; only when the body is all of it. */
      readonly checksum: RunningChecksum | undefined;
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'beyond the end' }
  | { readonly kind: 'changed' };

/**
 * Only S3's own word proves absence: a 404 with another code comes from a missing bucket, or from a proxy or a web
 * server that knows nothing of objects.
 */
const expectedOf =
  (version: string | undefined) =>
  (failure: S3Failure): RangeAnswer | undefined => {
    if (failure.status === 404 && failure.code === 'NoSuchKey') return { kind: 'absent' };
    if (failure.status === 416) return { kind: 'beyond the end' };
    return version !== undefined && failure.status === 412 ? { kind: 'changed' } : undefined;
  };

const describeRange = (range: ByteRange): string | undefined => {
  if (range.end !== undefined) return `bytes=${range.start}-${range.end - 1}`;
  return range.start === 0 ? undefined : `bytes=${range.start}-`;
};

const isS3Answer = (output: GetObjectCommandOutput, asked: number): boolean => {
  const range = output.ContentRange;
  return range === undefined ? asked === 0 : parseContentRange(range)?.start === asked;
};

const contentOf = (
  settings: S3Settings,
  key: ObjectKey,
  whole: string,
  range: ByteRange,
  output: GetObjectCommandOutput,
  body: S3Body,
): RangeAnswer => {
  const place = placeOf({ operation: '', bucket: settings.bucket, key: whole });
  const facts = factsOf(settings, key, whole, output);
  if (!isS3Answer(output, range.start)) {
    throw new PipelineError('store-misconfigured', {
      message: `the store did not answer with the range of ${place} that begins at byte ${range.start}`,
      hint: 'Check that the endpoint is an S3 API and that no proxy on the way takes the Range header away.',
    });
  }
  const end = Math.min(range.end ?? facts.objectBytes, facts.objectBytes);
  const isWhole = range.start === 0 && end === facts.objectBytes && output.ContentRange === undefined;
  const checksum = isWhole ? checksumOf(output) : undefined;
  return { kind: 'content', facts, body, start: range.start, end, checksum };
};

/**
 * One GetObject, up to the answer's headers. With `version` it is of that version of the object or 'changed'. The
 * range must not be empty: S3 takes no such header for a range, and would send the whole object.
 */
export const readRange = async (
  context: S3Context,
  key: ObjectKey,
  range: ByteRange,
  options: CallOptions & { readonly version?: string } = {},
): Promise<RangeAnswer> => {
  const { settings } = context;
  const whole = bucketKey(settings.prefix, key);
  const header = describeRange(range);
  return context.ask<RangeAnswer>({
    operation: 'GetObject',
    key: whole,
    signal: options.signal,
    expect: expectedOf(options.version),
    call: async ({ client, signal, keepFor }) => {
      const command = new GetObjectCommand({
        Bucket: settings.bucket,
        Key: whole,
        ...(header !== undefined && { Range: header }),
        ...(options.version !== undefined && { IfMatch: options.version }),
        ...keyFields(settings),
      });
      const output = await client.send(command, { abortSignal: signal });
      const { Body: stream } = output;
      if (!(stream instanceof Readable)) throw new Error('the SDK gives the body of an object as a stream');
      const body = keepFor(stream);
      try {
        return contentOf(settings, key, whole, range, output, body);
      } catch (error) {
        stream.destroy();
        throw error;
      }
    },
  });
};
