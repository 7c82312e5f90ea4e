import { strict as assert } from 'node:assert';
import { parseObjectKey } from '../core/archive/object-key.ts';
import { PipelineError } from '../core/errors.ts';
import type { ObjectKey } from '../core/ports.ts';

/** S3 refuses longer ones (Amazon S3 User Guide, "Naming Amazon S3 objects"); in UTF-8, the prefix included. */
const longestKeyBytes = 1024;

/**
 * The key inside the bucket. S3 itself would take `..` and empty steps as they are; they are refused because a key
 * means the same object in every store, and because HTTP clients and proxies fold such steps together.
 *
 * @throws 'key-refused'
 */
export const bucketKey = (prefix: string, key: ObjectKey): string => {
  const checked = parseObjectKey(key);
  const whole = prefix === '' ? checked : `${prefix}/${checked}`;
  if (Buffer.byteLength(whole) > longestKeyBytes) {
    throw new PipelineError('key-refused', {
      message: `object key ${JSON.stringify(key.slice(0, 200))} is longer than ${longestKeyBytes} bytes with the prefix of its archive`,
      hint: 'Give the archive a shorter prefix.',
    });
  }
  return whole;
};

/** What a listing calls an object, relative to the archive's prefix. It may be anything that S3 takes for a key. */
export const archiveKey = (prefix: string, listed: string): ObjectKey => {
  const within = prefix === '' ? '' : `${prefix}/`;
  assert(listed.startsWith(within), 'a listing holds only keys under the prefix that was asked for');
  return listed.slice(within.length) as ObjectKey;
};

/** False for a prefix that no key of an archive begins with, such as '../'. */
export const canBeginKey = (prefix: string): boolean =>
  prefix.isWellFormed() &&
  !prefix.includes('\0') &&
  !prefix
    .split('/')
    .slice(0, -1)
    .some((step) => step === '' || step === '.' || step === '..');
