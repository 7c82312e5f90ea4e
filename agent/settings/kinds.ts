import { isAbsolute, normalize } from 'node:path';
import { type Secret, secretOf } from './secret.ts';
import type { Kind, Parsed } from './setting.ts';

/** Any text. */
export const text: Kind<string> = { type: 'text', parse: (value) => ({ value }) };

/** A text that is wrapped at once. */
export const secretText: Kind<Secret> = { type: 'secret', parse: (value) => ({ value: secretOf(value) }) };

/** One of a few words, written in lower case. */
export const oneOf = <const Words extends readonly string[]>(...words: Words): Kind<Words[number]> => ({
  type: words.join(' | '),
  parse: (value) => {
    const word = words.find((candidate) => candidate === value);
    return word === undefined ? { problem: `must be one of ${words.join(', ')}` } : { value: word };
  },
});

/** Yes or no, in any of the words that people and Go's strconv.ParseBool (for WAL-G's settings) use. */
export const boolean: Kind<boolean> = {
  type: 'true | false',
  parse: (value) => {
    const word = value.toLowerCase();
    if (['true', 't', 'yes', 'on', '1'].includes(word)) return { value: true };
    if (['false', 'f', 'no', 'off', '0'].includes(word)) return { value: false };
    return { problem: 'must be true or false' };
  },
};

/** A text of a certain form. */
export const matching = (type: string, form: RegExp, problem: string): Kind<string> => ({
  type,
  parse: (value) => (form.test(value) ? { value } : { problem }),
});

/** Where a service is reached. Credentials have settings of their own, so that they can be hidden. */
export const httpUrl: Kind<string> = {
  type: 'URL (http:// or https://)',
  parse: (value) => {
    const url = URL.parse(value);
    return url !== null && ['http:', 'https:'].includes(url.protocol) && url.username === ''
      ? { value }
      : { problem: 'must be an http or https URL such as https://host:9000, without user and password' };
  },
};

/** A whole decimal number within bounds, both inclusive. */
export const wholeNumber = (least: number, most: number, unit = ''): Kind<number> => ({
  type: unit === '' ? 'whole number' : `whole number (${unit})`,
  parse: (value) => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    return number >= least && number <= most
      ? { value: number }
      : { problem: `must be a whole number from ${least} to ${most}` };
  },
});

const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/** A number of bytes: plain, or with a decimal (KB, MB, GB, TB) or binary unit (KiB, MiB, GiB, TiB). */
export const byteSize = (least: number, most: number): Kind<number> => ({
  type: 'bytes',
  parse: (value) => {
    const [, digits = '', unit = ''] = /^(\d{1,15}) ?([A-Za-z]{0,3})$/.exec(value) ?? [];
    const factor = byteUnits[unit.toUpperCase()];
    if (digits === '' || factor === undefined) {
      return { problem: 'must be a number of bytes such as 1073741824, 512MiB or 1GB' };
    }
    const bytes = Number(digits) * factor;
    return bytes >= least && bytes <= most
      ? { value: bytes }
      : { problem: `must be from ${least} to ${most} bytes` };
  },
});

/** An absolute path. PostgreSQL and cron choose the working directory, so a relative one would mean nothing. */
export const absolutePath: Kind<string> = {
  type: 'absolute path',
  parse: (value) =>
    isAbsolute(value) && !value.includes('\0') ? { value } : { problem: 'must be an absolute path' },
};

/** Where an archive lies: a directory, or a bucket and what its keys begin with (without slashes at either end). */
export type ArchiveLocation =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string };

/** `file:///absolute/path` or `s3://bucket/prefix`. Nothing in either is percent-encoded: what is written is meant. */
export const archiveLocation: Kind<ArchiveLocation> = {
  type: 'URL (file:// or s3://)',
  parse: (value) => {
    if (hasControlCharacter(value)) return { problem: 'must not contain control characters' };
    if (value.startsWith('file://')) return directoryLocation(value.slice('file://'.length));
    if (value.startsWith('s3://')) return bucketLocation(value.slice('s3://'.length));
    return { problem: 'must begin with file:/// or s3://' };
  },
};

const hasControlCharacter = (value: string): boolean => [...value].some((character) => character < ' ');

const directoryLocation = (path: string): Parsed<ArchiveLocation> => {
  if (!isAbsolute(path)) return { problem: 'must be file:// followed by an absolute path' };
  const clean = normalize(path).replace(/(?<=.)\/+$/, '');
  return clean === '/'
    ? { problem: 'must not be the root directory' }
    : { value: { kind: 'directory', path: clean } };
};

/** The rule for general purpose buckets; older buckets in us-east-1 may also hold upper case and underscores. */
const bucketName = /^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/;

const bucketLocation = (rest: string): Parsed<ArchiveLocation> => {
  const slash = rest.indexOf('/');
  const bucket = slash < 0 ? rest : rest.slice(0, slash);
  const prefix = slash < 0 ? '' : rest.slice(slash).replace(/^\/+|\/+$/g, '');
  if (!bucketName.test(bucket)) return { problem: `must name a bucket after s3://, and "${bucket}" is none` };
  const steps = prefix === '' ? [] : prefix.split('/');
  return steps.some((step) => step === '' || step === '.' || step === '..')
    ? { problem: 'must not contain an empty step, "." or ".." in its prefix' }
    : { value: { kind: 's3', bucket, prefix } };
};

/** The location as a setting's text says it. */
export const formatArchiveLocation = (location: ArchiveLocation): string =>
  location.kind === 'directory'
    ? `file://${location.path}`
    : `s3://${location.bucket}${location.prefix === '' ? '' : `/${location.prefix}`}`;
