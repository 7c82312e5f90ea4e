import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { PipelineError } from '../../lib/core/errors.ts';

const chunkBytes = 1024 * 1024;

/** Exactly `length` bytes from the file's begin, fewer only where it ends. */
export const readFully = async (file: FileHandle, length: number): Promise<Buffer> => {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
};

/** The file's content from its begin, in fresh buffers of up to 1 MiB. The handle stays open. */
export async function* readStream(file: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const buffer = Buffer.allocUnsafeSlow(chunkBytes);
    const { bytesRead } = await file.read(buffer, 0, chunkBytes, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Makes a directory's entries durable; file systems that refuse to sync a directory need none. */
export const syncDirectory = async (path: string): Promise<void> => {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } catch (error) {
    if (!isSystemError(error, 'EINVAL', 'ENOTSUP', 'EISDIR')) throw error;
  } finally {
    await directory.close();
  }
};

/** True for an error of the operating system with one of the codes. */
export const isSystemError = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code);

/** True for whatever the operating system refused. */
export const isFromSystem = (error: unknown): error is Error => error instanceof Error && 'syscall' in error;

/** A temporary file's name says whose it is, so that what a killed writer left can be told and removed. */
const temporaryMark = '.walwarden-';

/**
 * Writes a file so that it is there whole and durable, or not at all: to a temporary name beside it, checked by the
 * source's own end, synced, renamed, and the directory synced.
 *
 * `source` throws to say that what it yielded must not be used.
 */
export const writeDurably = async (path: string, source: AsyncIterable<Uint8Array>): Promise<void> => {
  const temporary = `${path}${temporaryMark}${process.pid}`;
  const file = await removeLeftovers(path)
    .then(() => open(temporary, 'wx', 0o600))
    .catch((cause: unknown) => {
      throw unwritable(path, cause);
    });
  try {
    try {
      for await (const chunk of source) await writeAll(file, chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    // A source has errors of its own; those of the operating system come from the file.
    throw isFromSystem(error) ? unwritable(path, error) : error;
  }
};

/** A small text, written durably. */
export const writeText = (path: string, text: string): Promise<void> =>
  writeDurably(
    path,
    (async function* () {
      yield Buffer.from(text);
    })(),
  );

const unwritable = (path: string, cause: unknown): PipelineError =>
  new PipelineError('file-unwritable', {
    message: `${path} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: 'Check that the directory is there, its free space and permissions, and the health of the file system.',
    cause,
  });

/** Writes a chunk whole, however many calls that takes. */
export const writeAll = async (file: FileHandle, chunk: Uint8Array): Promise<void> => {
  for (let written = 0; written < chunk.length; ) {
    written += (await file.write(chunk, written)).bytesWritten;
  }
};

/** PostgreSQL asks for one file at a time, so a temporary file beside the target belongs to a writer that died. */
const removeLeftovers = async (path: string): Promise<void> => {
  const prefix = `${basename(path)}${temporaryMark}`;
  for (const name of await readdir(dirname(path))) {
    if (name.startsWith(prefix)) await rm(join(dirname(path), name), { force: true });
  }
};

/** Length and SHA-256 of a stream. */
export const digestOf = async (
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly bytes: number; readonly sha256: string }> => {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of source) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
};
