import { PipelineError } from '../core/errors.ts';

export type S3Place = {
  readonly bucket: string;
  /** Without slashes at its ends; empty for an archive that has the bucket to itself. */
  readonly prefix: string;
};

// S3's own names are narrower (lower case, no underscore); compatible stores allow these.
const bucketName = /^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/;
// Room for the longest key of an archive under it, out of the 1,024 bytes that S3 allows for all.
const longestPrefixBytes = 768;

const refuse = (text: string, why: string): never => {
  throw new PipelineError('settings-invalid', {
    message: `${JSON.stringify(text.slice(0, 200))} is no place for an archive: ${why}`,
    hint: 'Write s3://bucket/prefix, with single slashes and without "." or ".." between them.',
  });
};

/** Reads 's3://bucket/prefix'; the prefix may be missing and may end with a slash. @throws 'settings-invalid' */
export const parseS3Url = (text: string): S3Place => {
  const match = /^s3:\/\/([^/]*)(?:\/(.*))?$/s.exec(text);
  if (match === null) return refuse(text, 'it does not begin with s3://');
  const bucket = match[1] ?? '';
  if (!bucketName.test(bucket)) {
    return refuse(text, `${JSON.stringify(bucket.slice(0, 80))} is not the name of a bucket`);
  }
  return { bucket, prefix: checkPrefix(match[2] ?? '', text) };
};

const checkPrefix = (given: string, text: string): string => {
  const prefix = given.endsWith('/') ? given.slice(0, -1) : given;
  if (prefix === '') return given === '' ? '' : refuse(text, 'its prefix is a lone slash');
  if (prefix.split('/').some((step) => step === '' || step === '.' || step === '..')) {
    return refuse(text, 'its prefix has an empty, "." or ".." step');
  }
  if (!prefix.isWellFormed()) return refuse(text, 'its prefix is not Unicode text');
  if (Buffer.byteLength(prefix) > longestPrefixBytes) {
    return refuse(text, `its prefix has more than ${longestPrefixBytes} bytes`);
  }
  return prefix;
};
