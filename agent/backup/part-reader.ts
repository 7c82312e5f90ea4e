import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, mkdir, open, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import tar from 'tar-stream';
import { withDigest } from '../../lib/codec/streams.ts';
import type { Codec } from '../../lib/core/archive/layout.ts';
import { memberPathOf } from '../../lib/core/backup/member-path.ts';
import { isPipelineError, PipelineError } from '../../lib/core/errors.ts';
import type { ObjectKey } from '../../lib/core/ports.ts';
import type { Archive } from '../archive/archive.ts';
import { writeAll } from '../host/files.ts';

/** A part to restore, with what its manifest says of it where there is one. */
export type PartToRestore = {
  readonly key: ObjectKey;
  readonly codec: Codec;
  readonly expected:
    | {
        readonly objectBytes: number;
        readonly sha256: string;
        readonly files: ReadonlyMap<string, { readonly bytes: number; readonly sha256: string }>;
      }
    | undefined;
};

export type RestoreTarget = {
  readonly directory: string;
  /** Called with the number of file bytes written since the last call. */
  readonly onWritten: (bytes: number) => void;
};

/**
 * Unpacks one part below the target directory and checks it while it is written: the object's size and checksum, each
 * file's size and checksum, and that no file is missing or too many. Files of the part may be there, unsound, when it
 * throws; nothing may start from the directory then, which is why pg_control comes last.
 *
 * @throws 'backup-damaged', 'backup-absent', 'store-…', 'file-unwritable'
 */
export const restorePart = async (
  archive: Archive,
  part: PartToRestore,
  target: RestoreTarget,
  signal: AbortSignal,
): Promise<void> => {
  const object = await archive.store.open(part.key, { signal });
  if (object === undefined) {
    throw new PipelineError('backup-damaged', {
      message: `${part.key} is missing from the archive`,
      hint: 'The backup is not whole any more; restore an older one ("walwarden backup-list").',
    });
  }
  const packed = withDigest(object.content);
  const seen = new Set<string>();
  try {
    await unpack(archive.decode(part.codec)(packed.stream), async (entry) => {
      signal.throwIfAborted();
      await restoreEntry(part, target, entry, seen);
    });
  } catch (error) {
    throw inPart(part, error);
  }
  if (part.expected === undefined) return;
  const { streamBytes, sha256 } = packed.result();
  if (streamBytes !== part.expected.objectBytes || sha256 !== part.expected.sha256) {
    throw damaged(
      part,
      `it has ${streamBytes} bytes with SHA-256 ${sha256}, not ${part.expected.objectBytes} with ${part.expected.sha256}`,
    );
  }
  const missing = [...part.expected.files.keys()].find((path) => !seen.has(path));
  if (missing !== undefined) throw damaged(part, `${missing} is not in it`);
};

const damaged = (part: PartToRestore, what: string, cause?: unknown): PipelineError =>
  new PipelineError('backup-damaged', {
    message: `${part.key} is not what its backup stored: ${what}`,
    hint: 'The object in the archive was damaged, cut or swapped. Restore an older backup, and keep this one for a look.',
    cause,
  });

/** Codecs and tar see only bytes; here it is said in which object they went wrong. */
const inPart = (part: PartToRestore, error: unknown): unknown => {
  if (isPipelineError(error, 'object-damaged')) return damaged(part, error.message, error);
  if (isPipelineError(error) || !(error instanceof Error)) return error;
  if ('code' in error && error.code !== undefined && 'syscall' in error) {
    return new PipelineError('file-unwritable', {
      message: `restoring ${part.key}: ${error.message}`,
      hint: 'Check the free space, the permissions and the health of the target file system.',
      cause: error,
    });
  }
  // What tar-stream says of a tar that is none.
  return damaged(part, error.message, error);
};

type TarEntry = tar.Extract extends AsyncIterable<infer Entry> ? Entry : never;

const unpack = async (
  plain: AsyncIterable<Uint8Array>,
  onEntry: (entry: TarEntry) => Promise<void>,
): Promise<void> => {
  const extract = tar.extract();
  const fed = pipeline(Readable.from(plain, { objectMode: false }), extract);
  // Looked at below; the loop meets the same error first.
  fed.catch(() => undefined);
  for await (const entry of extract) await onEntry(entry);
  await fed;
};

const restoreEntry = async (
  part: PartToRestore,
  target: RestoreTarget,
  entry: TarEntry,
  seen: Set<string>,
): Promise<void> => {
  const path = memberPathOf(entry.header.name);
  const destination = join(target.directory, path);
  if (entry.header.type === 'directory') {
    await mkdir(destination, { recursive: true, mode: 0o700 });
    if (path !== '') await chmod(destination, entry.header.mode & 0o777);
    entry.resume();
    return;
  }
  if (entry.header.type !== 'file') {
    throw damaged(part, `its member ${path} is a ${entry.header.type}, which no backup holds`);
  }
  const expected = part.expected?.files.get(path);
  if (part.expected !== undefined && expected === undefined)
    throw damaged(part, `${path} does not belong in it`);
  if (seen.has(path)) throw damaged(part, `${path} is in it twice`);
  seen.add(path);
  const written = await writeFile(destination, entry, target);
  if (expected !== undefined && (written.bytes !== expected.bytes || written.sha256 !== expected.sha256)) {
    throw damaged(
      part,
      `${path} has ${written.bytes} bytes with SHA-256 ${written.sha256}, not ${expected.bytes} with ${expected.sha256}`,
    );
  }
};

const writeFile = async (
  destination: string,
  entry: TarEntry,
  target: RestoreTarget,
): Promise<{ readonly bytes: number; readonly sha256: string }> => {
  const file = await open(destination, 'wx', 0o600).catch(async (error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    await mkdir(dirname(destination), { recursive: true, mode: 0o700 });
    return open(destination, 'wx', 0o600);
  });
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of entry) {
      assert(chunk instanceof Uint8Array, 'a tar member yields bytes');
      hash.update(chunk);
      await writeAll(file, chunk);
      bytes += chunk.length;
      target.onWritten(chunk.length);
    }
    await file.chmod(entry.header.mode & 0o777);
  } finally {
    await file.close();
  }
  await utimes(destination, entry.header.mtime, entry.header.mtime);
  return { bytes, sha256: hash.digest('hex') };
};
