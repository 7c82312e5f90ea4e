import { PipelineError } from '../../core/errors.ts';
import type { Transform } from '../streams.ts';

/**
 * Encryption on the client: between the codec and the store, `encrypt` behind `compress` and `decrypt` before
 * `decompress`. An object does not say that it is encrypted nor with which key, so that one archive has one encryption.
 *
 * Both directions stream in bounded memory. What `decrypt` has yielded counts only once its stream has ended without an
 * error: a stream that is cut anywhere, also between two of its parts, throws 'object-damaged' at the end.
 */
export type Encryption = {
  readonly kind: 'libsodium' | 'openpgp' | 'kms-envelope';
  readonly encrypt: Transform;
  readonly decrypt: Transform;
};

/** For bytes that do not decrypt: a wrong key and changed bytes cannot be told apart. */
export const undecryptable = (message: string, cause?: unknown): PipelineError =>
  new PipelineError('object-damaged', {
    message,
    hint: 'The key is not the one that the object was encrypted with, or the stored object is cut short or changed.',
    cause,
  });

export const keyInvalid = (message: string, hint: string, cause?: unknown): PipelineError =>
  new PipelineError('settings-invalid', { message, hint, cause });
