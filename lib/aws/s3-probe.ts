import { PipelineError } from '../core/errors.ts';
import type { ByteSource, CallOptions, ObjectKey, ObjectStore } from '../core/ports.ts';

/** What the probe asks of a store: `createInParts` is `create`, but always as a multipart upload. */
type Probed = Pick<ObjectStore, 'create' | 'location'> & {
  createInParts(key: ObjectKey, body: ByteSource, options?: CallOptions): Promise<'created' | 'exists'>;
};

/** Which write of S3's overwrote what was there although it was told not to. */
export type ConditionalWrites =
  | { readonly kept: true }
  | { readonly kept: false; readonly ignoredBy: 'PutObject' | 'CompleteMultipartUpload' };

/**
 * Tries whether the store keeps `If-None-Match: *`. S3 does; a compatible store that does not know the header takes it
 * for nothing and overwrites, and no error ever says so. Two objects are written twice each; the second time has to be
 * refused. They stay where they are, because whoever pushes may not delete, and serve the next probe as well.
 *
 * @param keys two keys of the archive that are there for nothing else
 */
export const probeConditionalWrites = async (
  store: Pick<Probed, 'create' | 'createInParts'>,
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

/** `probeConditionalWrites` as the port asks for it. @throws 'store-misconfigured' */
export const proveNoOverwrite = async (
  store: Probed,
  probes: { readonly whole: ObjectKey; readonly inParts: ObjectKey },
  options: CallOptions = {},
): Promise<void> => {
  const result = await probeConditionalWrites(store, probes, options);
  if (result.kept) return;
  throw new PipelineError('store-misconfigured', {
    message: `${store.location} overwrites objects although it is told not to (If-None-Match of ${result.ignoredBy} is ignored)`,
    hint:
      'Nothing that is archived here would be safe from being overwritten. Use a newer version of this S3-compatible ' +
      'store, or another one; Amazon S3 itself keeps conditional writes.',
  });
};
