import type { CallOptions, ObjectKey } from '../core/ports.ts';
import type { S3Store } from './s3-store.ts';

/** Which write of S3's overwrote what was there although it was told not to. */
export type ConditionalWrites =
  | { readonly kept: true }
  | { readonly kept: false; readonly ignoredBy: 'PutObject' | 'CompleteMultipartUpload' };

/**
 * Tries whether the store keeps `If-None-Match: *`. S3 does; a compatible store that does not know the header takes it
 * for nothing and overwrites, and no error ever says so. Two objects are written twice each; the second time has to be
 * refused. They stay where they are, because whoever pushes may not delete, and serve the next probe as well.
 *
 * The agent calls this once, before it claims an archive, and remembers the answer in the claim.
 *
 * @param keys two keys of the archive that are there for nothing else
 */
export const probeConditionalWrites = async (
  store: Pick<S3Store, 'create' | 'createInParts'>,
  keys: { readonly whole: ObjectKey; readonly inParts: ObjectKey },
  options: CallOptions = {},
): Promise<ConditionalWrites> => {
  const content = new TextEncoder().encode(
    'Walwarden wrote this to see whether the store refuses to overwrite it.\n',
  );
  await store.create(keys.whole, content, options);
  if ((await store.create(keys.whole, content, options)) === 'created') {
    return { kept: false, ignoredBy: 'PutObject' };
  }
  await store.createInParts(keys.inParts, content, options);
  if ((await store.createInParts(keys.inParts, content, options)) === 'created') {
    return { kept: false, ignoredBy: 'CompleteMultipartUpload' };
  }
  return { kept: true };
};
