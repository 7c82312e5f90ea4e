import { type ErrorCode, PipelineError } from '../core/errors.ts';

type Meaning = readonly [code: ErrorCode, hint: string];

const full: Meaning = [
  'store-unavailable',
  'Make room on the file system of the archive; nothing half written was kept.',
];
const failing: Meaning = [
  'store-unavailable',
  'Look at the kernel log and at the disk or server behind the archive directory.',
];
const denied: Meaning = [
  'store-denied',
  'Give the user that runs walwarden the rights on the archive directory that its role needs.',
];
const otherShape: Meaning = [
  'key-refused',
  'A directory cannot hold an object and a folder of the same name; move the stray one out of the archive.',
];

/** What errno says of a store on a file system; what is not listed may heal, as far as anybody knows. */
const meanings: Readonly<Record<string, Meaning>> = {
  ENOSPC: full,
  EDQUOT: full,
  EFBIG: full,
  EROFS: [
    'store-unavailable',
    'The file system is mounted read-only, often after a disk error; see the kernel log.',
  ],
  EACCES: denied,
  EPERM: denied,
  EEXIST: otherShape,
  ENOTDIR: otherShape,
  EISDIR: otherShape,
  ENAMETOOLONG: ['key-refused', 'A name in a directory has 255 bytes at most.'],
  ELOOP: [
    'store-misconfigured',
    'Replace the symbolic link in the archive by what it leads to, or by a mount.',
  ],
};

export const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && 'syscall' in error && typeof error.code === 'string'
    ? error.code
    : undefined;

/** The operator's view of a failed file operation; anything else that was thrown stays what it is. */
export const storeError = (error: unknown): unknown => {
  const errno = errnoOf(error);
  if (errno === undefined || !(error instanceof Error)) return error;
  const [code, hint] = meanings[errno] ?? failing;
  return new PipelineError(code, { message: `archive directory: ${error.message}`, hint, cause: error });
};

/** Waits for one file operation; its failure is thrown as `storeError` says it. */
export const onDisk = async <Result>(operation: Promise<Result>): Promise<Result> => {
  try {
    return await operation;
  } catch (error) {
    throw storeError(error);
  }
};

/** As `onDisk`, but a failure with one of the `tolerated` errno values is the answer `undefined`. */
export const onDiskUnless = async <Result>(
  tolerated: readonly string[],
  operation: Promise<Result>,
): Promise<Result | undefined> => {
  try {
    return await operation;
  } catch (error) {
    if (tolerated.includes(errnoOf(error) ?? '')) return undefined;
    throw storeError(error);
  }
};
