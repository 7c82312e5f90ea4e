import { PipelineError } from '../core/errors.ts';
import type { CallOptions, ObjectFacts } from '../core/ports.ts';
import { bodyChunks, isCut, type S3Body } from './s3-body.ts';
import type { RunningChecksum } from './s3-checksum.ts';
import { placeOf } from './s3-errors.ts';
import { failureOf } from './s3-failure.ts';
import { readRange } from './s3-get.ts';
import type { S3Context } from './s3-requests.ts';

/** A stretch of one version of an object. `end` is exclusive. */
export type Stretch = { readonly facts: ObjectFacts; readonly start: number; readonly end: number };

// A connection that brought so much was worth it; one that brings less each time must not go on for ever.
const progressBytes = 1024 * 1024;

const unavailable = (
  context: S3Context,
  { facts }: Stretch,
  message: string,
  cause?: unknown,
): PipelineError => {
  const { bucket, prefix } = context.settings;
  const key = prefix === '' ? facts.key : `${prefix}/${facts.key}`;
  return new PipelineError('store-unavailable', {
    message: `reading ${placeOf({ operation: '', bucket, key })} ${message}`,
    cause,
  });
};

/** The rest of the stretch from `at` on, of the version that the reading began with. */
const reopen = async (
  context: S3Context,
  stretch: Stretch,
  at: number,
  options: CallOptions,
): Promise<S3Body> => {
  const { key, version } = stretch.facts;
  const answer = await readRange(context, key, { start: at, end: stretch.end }, { ...options, version });
  if (answer.kind === 'content') return answer.body;
  const why = answer.kind === 'absent' ? 'was removed' : 'was replaced';
  throw unavailable(context, stretch, `broke off at byte ${at}: the object ${why} meanwhile`);
};

/**
 * Exactly the bytes of the stretch, or an error. A body that is cut or stalls is taken up again where it broke off, as
 * often as a request is tried; each mebibyte of progress makes the count start anew.
 *
 * @param body what is open already, from the stretch's first byte on
 */
export async function* readStretch(
  context: S3Context,
  stretch: Stretch,
  body: S3Body | undefined,
  options: CallOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { stallMs, maxAttempts, throttle } = context.settings;
  const { signal } = options;
  let at = stretch.start;
  let attempts = 1;
  let countedFrom = at;
  let current = body;
  while (at < stretch.end) {
    current ??= await reopen(context, stretch, at, options);
    let cause: unknown;
    try {
      for await (const chunk of bodyChunks(current, stallMs, signal)) {
        // What the stretch began with may be the body of a longer one.
        const bytes = chunk.subarray(0, stretch.end - at);
        await throttle?.(bytes.byteLength, signal);
        at += bytes.byteLength;
        yield bytes;
        if (at === stretch.end) return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (
        !current.isGivenUp &&
        !(error instanceof Error && (isCut(error) || failureOf(error) !== undefined))
      ) {
        throw error;
      }
      cause = error;
    }
    signal?.throwIfAborted();
    const { isGivenUp } = current;
    current = undefined;
    if (isGivenUp) continue;
    if (at - countedFrom >= progressBytes) {
      attempts = 1;
      countedFrom = at;
    }
    if (attempts >= maxAttempts) {
      const brought = `${at - stretch.start} of ${stretch.end - stretch.start} bytes`;
      throw unavailable(context, stretch, `was cut short ${attempts} times, last after ${brought}`, cause);
    }
    await context.pause(attempts, signal);
    attempts += 1;
  }
}

/** Passes the bytes on and throws at their end when they are not the ones that the store took the checksum of. */
export async function* checkBytes(
  context: S3Context,
  stretch: Stretch,
  source: AsyncIterable<Uint8Array>,
  checksum: RunningChecksum,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of source) {
    checksum.update(chunk);
    yield chunk;
  }
  const found = await checksum.digest();
  if (found !== checksum.expected) {
    throw unavailable(
      context,
      stretch,
      `brought bytes whose ${checksum.name} is ${found}, but the store says ${checksum.expected}`,
    );
  }
}
