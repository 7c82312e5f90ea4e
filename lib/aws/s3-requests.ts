import type { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import type { ErrorCode } from '../core/errors.ts';
import { linkSignals, raceAbort } from './s3-abort.ts';
import type { S3Body } from './s3-body.ts';
import { type S3Request, translateS3Failure } from './s3-errors.ts';
import { failureOf, isTransient, type S3Failure } from './s3-failure.ts';
import type { S3Settings } from './s3-settings.ts';
import { createSlots, type Slots } from './s3-slots.ts';

export type S3Attempt = {
  readonly client: S3Client;
  readonly signal: AbortSignal;
  /** Counted from 1. */
  readonly number: number;
  /** The connection stays taken until this body ends, unless it rests while others wait. */
  keepFor(stream: Readable): S3Body;
};

export type S3Ask<Answer> = Pick<S3Request, 'operation' | 'key'> & {
  readonly call: (attempt: S3Attempt) => Promise<Answer>;
  /** Turns an expected refusal into a value; asked before a retry. `attempt` > 1: an earlier one may have been done. */
  readonly expect?: (failure: S3Failure, attempt: number) => Answer | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: number;
};

/** What every operation of the store works with. */
export type S3Context = {
  readonly settings: S3Settings;
  ask<Answer>(ask: S3Ask<Answer>): Promise<Answer>;
  /** Waits before attempt `number` + 1, a random time that doubles its upper bound each time. */
  pause(number: number, signal: AbortSignal | undefined): Promise<void>;
};

// "Full jitter" (AWS Architecture Blog, "Exponential Backoff And Jitter"): clients that failed together spread out.
const firstPauseMs = 100;
const longestPauseMs = 10_000;

class DeadlinePassed extends Error {}

const attemptOnce = async <Answer>(
  slots: Slots,
  client: S3Client,
  ask: S3Ask<Answer>,
  number: number,
  signal: AbortSignal,
): Promise<Answer> => {
  const release = await slots.take(signal);
  let isKept = false;
  const keepFor = (stream: Readable): S3Body => {
    isKept = true;
    const body: S3Body = { stream, state: 'unused', isGivenUp: false };
    const takeBack = slots.offer({
      state: () => body.state,
      leave: () => {
        body.isGivenUp = true;
        stream.destroy();
      },
    });
    stream.once('close', () => {
      takeBack();
      release();
    });
    // Whoever reads the body sees its error there; between two reads, or before the first, nobody listens.
    stream.on('error', () => undefined);
    if (stream.closed) release();
    return body;
  };
  try {
    // Credentials may have to be fetched first, and that does not listen to the signal.
    return await raceAbort(ask.call({ client, signal, number, keepFor }), signal);
  } finally {
    if (!isKept) release();
  }
};

export const createS3Context = (settings: S3Settings, client: S3Client): S3Context => {
  const slots = createSlots(settings.concurrency);

  const pause: S3Context['pause'] = async (number, signal) => {
    const most = Math.min(longestPauseMs, firstPauseMs * 2 ** (number - 1));
    await settings.clock.sleep(Math.floor(settings.random() * most), signal);
  };

  const translate = (
    ask: Pick<S3Request, 'operation' | 'key'>,
    thrown: unknown,
    attempts: number,
    code?: ErrorCode,
  ): unknown => {
    const failure = failureOf(thrown);
    if (failure === undefined) return thrown;
    const request = { operation: ask.operation, key: ask.key, bucket: settings.bucket };
    return translateS3Failure(request, failure, { attempts, cause: thrown, code });
  };

  const deadlineError = (
    ask: S3Ask<unknown>,
    deadlineMs: number,
    last: unknown,
    attempts: number,
  ): unknown => {
    const failure = failureOf(last);
    const message = `no answer within ${deadlineMs} ms${failure === undefined ? '' : `; the last one was ${failure.code}`}`;
    const passed = { code: 'TimeoutError', status: undefined, requestId: failure?.requestId, message };
    const request = { operation: ask.operation, key: ask.key, bucket: settings.bucket };
    const facts = { attempts, cause: last, code: 'store-unavailable' as const };
    return translateS3Failure(request, { ...passed, bucketRegion: undefined }, facts);
  };

  const ask: S3Context['ask'] = async (asked) => {
    const deadlineMs = asked.deadlineMs ?? settings.deadlineMs;
    const linked = linkSignals(asked.signal);
    const timer = setTimeout(() => linked.abort(new DeadlinePassed()), deadlineMs);
    let last: unknown;
    let number = 1;
    try {
      for (; ; number += 1) {
        try {
          linked.signal.throwIfAborted();
          settings.onRequest?.({ operation: asked.operation, attempt: number });
          return await attemptOnce(slots, client, asked, number, linked.signal);
        } catch (thrown) {
          if (linked.signal.aborted) throw thrown;
          last = thrown;
          const failure = failureOf(thrown);
          if (failure === undefined) throw thrown;
          const expected = asked.expect?.(failure, number);
          if (expected !== undefined) return expected;
          if (!isTransient(failure) || number >= settings.maxAttempts) throw translate(asked, thrown, number);
        }
        await pause(number, linked.signal);
      }
    } catch (thrown) {
      if (!linked.signal.aborted) throw thrown;
      const { reason } = linked.signal;
      // The caller's own reason for the abort is what the caller sees.
      throw reason instanceof DeadlinePassed ? deadlineError(asked, deadlineMs, last, number) : reason;
    } finally {
      clearTimeout(timer);
      linked.unlink();
    }
  };

  return { settings, ask, pause };
};
