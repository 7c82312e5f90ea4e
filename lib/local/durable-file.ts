import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ByteSource } from '../core/ports.ts';
import { onDisk } from './file-errors.ts';

/** A file under such a name is being written, or its writer died. No step of a key may begin like this. */
export const temporaryPrefix = '.walwarden-tmp-';

/** As PostgreSQL with group access (initdb -g): others have no business with the bytes of a database. */
const fileMode = 0o640;
const directoryMode = 0o750;

export const temporaryBeside = (target: string): string =>
  join(dirname(target), `${temporaryPrefix}${randomBytes(12).toString('hex')}`);

/**
 * Writes `body` to a new file beside `target` and syncs it. When the source throws or the signal aborts, the file is
 * removed, and the source's error or the signal's reason is thrown as it is.
 *
 * @returns the path of the new file
 */
export const writeTemporary = async (
  target: string,
  body: ByteSource,
  options: { readonly fsync: boolean; readonly signal: AbortSignal | undefined },
): Promise<string> => {
  const path = temporaryBeside(target);
  const file = await onDisk(open(path, 'wx', fileMode));
  try {
    try {
      for await (const chunk of abortable(body, options.signal)) await writeAll(file, chunk);
      if (options.fsync) await onDisk(file.sync());
    } finally {
      await onDisk(file.close());
    }
    options.signal?.throwIfAborted();
  } catch (error) {
    await removeTemporary(path);
    throw error;
  }
  return path;
};

/** A temporary file that cannot be removed is never listed and harms nobody: not a reason to fail. */
export const removeTemporary = async (path: string): Promise<void> => {
  await unlink(path).catch(() => undefined);
};

const writeAll = async (file: FileHandle, bytes: Uint8Array): Promise<void> => {
  for (let written = 0; written < bytes.byteLength; ) {
    const { bytesWritten } = await onDisk(file.write(bytes, written));
    written += bytesWritten;
  }
};

/** The body's chunks until the signal aborts, even while the body keeps the reader waiting. */
const abortable = async function* (
  body: ByteSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal?.throwIfAborted();
  if (body instanceof Uint8Array) {
    yield body;
    return;
  }
  if (signal === undefined) {
    yield* body;
    return;
  }
  const iterator = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await nextUnlessAborted(iterator, signal);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not awaited: after an abort the body may still be busy with a chunk that never comes.
    iterator.return?.().catch(() => undefined);
  }
};

/** Not Promise.race with one long-lived promise: that would hold every chunk of the stream until its end. */
const nextUnlessAborted = (
  iterator: AsyncIterator<Uint8Array>,
  signal: AbortSignal,
): Promise<IteratorResult<Uint8Array>> =>
  new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    iterator
      .next()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });

/** Syncs a directory's entries, or a file's content. */
export const sync = async (path: string): Promise<void> => {
  const handle = await onDisk(open(path, constants.O_RDONLY));
  try {
    await onDisk(handle.sync());
  } finally {
    await handle.close();
  }
};

/**
 * Makes directories below `root` so that they survive a power cut. A directory that is there already may have been made
 * a moment ago by somebody who died before syncing its parent, so every parent is synced once in a process's life.
 */
export const durableDirectories = (root: string, options: { readonly fsync: boolean }) => {
  const synced = new Set<string>();
  return async (directory: string): Promise<void> => {
    if (directory !== root) {
      const firstMade = await onDisk(mkdir(directory, { recursive: true, mode: directoryMode }));
      if (firstMade !== undefined) synced.clear();
    }
    if (!options.fsync) return;
    for (let below = directory; below !== root && !synced.has(below); below = dirname(below)) {
      await sync(dirname(below));
      synced.add(below);
    }
  };
};
