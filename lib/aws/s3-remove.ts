import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import type { CallOptions, ObjectKey } from '../core/ports.ts';
import type { S3Failure } from './s3-failure.ts';
import { bucketKey } from './s3-keys.ts';
import type { S3Context } from './s3-requests.ts';
import { statObject } from './s3-stat.ts';

type Answer = 'removed' | 'absent' | 'changed' | 'unconditional only';

const expected = (failure: S3Failure): Answer | undefined => {
  if (failure.status === 412) return 'changed';
  if (failure.status === 404 && failure.code === 'NoSuchKey') return 'absent';
  return failure.status === 501 ? 'unconditional only' : undefined;
};

const deleteObject = async (
  context: S3Context,
  whole: string,
  version: string | undefined,
  options: CallOptions,
): Promise<Answer> => {
  const { settings } = context;
  return context.ask<Answer>({
    operation: 'DeleteObject',
    key: whole,
    signal: options.signal,
    ...(version !== undefined && { expect: expected }),
    call: async ({ client, signal }) => {
      const condition = version === undefined ? {} : { IfMatch: version };
      const command = new DeleteObjectCommand({ Bucket: settings.bucket, Key: whole, ...condition });
      await client.send(command, { abortSignal: signal });
      return 'removed';
    },
  });
};

/**
 * S3 answers a DELETE of nothing like one of something, so the object is looked at first; the condition on the DELETE
 * then holds it to what was seen (Amazon S3 User Guide, "conditional deletes"). A store without conditional deletes
 * gets a plain one, right after the look.
 *
 * @see ObjectStore.remove
 */
export const removeObject = async (
  context: S3Context,
  key: ObjectKey,
  seen: { readonly version: string },
  options: CallOptions = {},
): Promise<'removed' | 'absent' | 'changed'> => {
  const whole = bucketKey(context.settings.prefix, key);
  const facts = await statObject(context, key, options);
  if (facts === undefined) return 'absent';
  if (facts.version !== seen.version) return 'changed';
  const answer = await deleteObject(context, whole, seen.version, options);
  if (answer === 'unconditional only') {
    await deleteObject(context, whole, undefined, options);
    return 'removed';
  }
  if (answer !== 'changed') return answer;
  // Some stores answer the condition on an object that is gone with 412 as well.
  return (await statObject(context, key, options)) === undefined ? 'absent' : 'changed';
};
