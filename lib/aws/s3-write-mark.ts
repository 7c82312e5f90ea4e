import { randomUUID } from 'node:crypto';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { isPipelineError } from '../core/errors.ts';
import type { CallOptions } from '../core/ports.ts';
import { keyFields } from './s3-fields.ts';
import type { S3Attempt, S3Context } from './s3-requests.ts';

/** Names one creation of an object, in the object's metadata (x-amz-meta-walwarden-write). */
export type WriteMark = { readonly Metadata: { readonly 'walwarden-write': string } };

export const newWriteMark = (): WriteMark => ({ Metadata: { 'walwarden-write': randomUUID() } });

/**
 * Whether the object that made the store refuse a creation is that creation's own. A request whose answer was lost, and
 * one that a proxy on the way delivered twice, is refused the second time because the first time was done. Whoever may
 * not look is told that it exists, as it does.
 */
export const isOwnWrite = async (
  context: S3Context,
  key: string,
  mark: WriteMark,
  options: CallOptions,
): Promise<boolean> => {
  const { settings } = context;
  try {
    return await context.ask<boolean>({
      operation: 'HeadObject',
      key,
      signal: options.signal,
      expect: ({ status }) => (status === 404 ? false : undefined),
      call: async ({ client, signal }) => {
        const command = new HeadObjectCommand({ Bucket: settings.bucket, Key: key, ...keyFields(settings) });
        const { Metadata } = await client.send(command, { abortSignal: signal });
        return Metadata?.['walwarden-write'] === mark.Metadata['walwarden-write'];
      },
    });
  } catch (error) {
    if (isPipelineError(error)) return false;
    throw error;
  }
};

/** One look without a retry of its own; false for whatever it cannot tell. */
export const isThere = async (
  { settings }: S3Context,
  key: string,
  { client, signal, number }: S3Attempt,
): Promise<boolean> => {
  settings.onRequest?.({ operation: 'HeadObject', attempt: number });
  const command = new HeadObjectCommand({ Bucket: settings.bucket, Key: key, ...keyFields(settings) });
  return client.send(command, { abortSignal: signal }).then(
    () => true,
    () => false,
  );
};
