import { PipelineError } from '../errors.ts';
import type { ObjectKey } from '../ports.ts';

/** S3's limit, in bytes of UTF-8. */
const maximumKeyBytes = 1024;

/**
 * What every store asks of a key before it uses it, so that none can leave the archive: relative steps with a slash
 * between them, none of them empty, '.' or '..', without NUL and half surrogate pairs, 1,024 bytes at most.
 *
 * @throws 'key-refused'
 */
export const parseObjectKey = (text: string): ObjectKey => {
  const complaint = complaintAbout(text);
  if (complaint === undefined) return text as ObjectKey;
  throw new PipelineError('key-refused', {
    message: `object key ${JSON.stringify(text.slice(0, 200))} ${complaint}`,
    hint: 'Keys are relative paths below the archive, like wal_005/000000010000000000000001.lz4.',
  });
};

const complaintAbout = (text: string): string | undefined => {
  if (text === '') return 'is empty';
  if (text.startsWith('/')) return 'is absolute';
  if (!text.isWellFormed() || text.includes('\0')) return 'is not text';
  if (utf8Bytes(text) > maximumKeyBytes) return `is longer than ${maximumKeyBytes} bytes`;
  const steps = text.split('/');
  if (steps.includes('')) return 'has an empty step';
  if (steps.includes('.') || steps.includes('..')) return "has a step '.' or '..'";
  return undefined;
};

const utf8Bytes = (text: string): number => new TextEncoder().encode(text).byteLength;
