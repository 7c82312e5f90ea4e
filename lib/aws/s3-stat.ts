import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { CallOptions, ObjectFacts, ObjectKey } from '../core/ports.ts';
import { factsOf, keyFields } from './s3-fields.ts';
import { readRange } from './s3-get.ts';
import { bucketKey } from './s3-keys.ts';
import type { S3Context } from './s3-requests.ts';

/**
 * An answer to HEAD has no body: its 404 is the same for a missing object, a missing bucket and a proxy that knows
 * neither. So a 404 is asked about again with a GET of one byte, whose answer says which.
 *
 * @see ObjectStore.stat
 */
export const statObject = async (
  context: S3Context,
  key: ObjectKey,
  options: CallOptions = {},
): Promise<ObjectFacts | undefined> => {
  const { settings } = context;
  const whole = bucketKey(settings.prefix, key);
  const facts = await context.ask<ObjectFacts | 'not found'>({
    operation: 'HeadObject',
    key: whole,
    signal: options.signal,
    expect: ({ status }) => (status === 404 ? 'not found' : undefined),
    call: async ({ client, signal }) => {
      const command = new HeadObjectCommand({ Bucket: settings.bucket, Key: whole, ...keyFields(settings) });
      return factsOf(settings, key, whole, await client.send(command, { abortSignal: signal }));
    },
  });
  if (facts !== 'not found') return facts;
  const answer = await readRange(context, key, { start: 0, end: 1 }, options);
  if (answer.kind === 'absent') return undefined;
  // It came to be between the two questions; without a first byte it is empty, which only HEAD can describe.
  if (answer.kind !== 'content') return statObject(context, key, options);
  answer.body.stream.destroy();
  return answer.facts;
};
