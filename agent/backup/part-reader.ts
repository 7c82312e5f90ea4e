import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, mkdir, open, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import tar from 'tar-stream';
import { collect, withDigest } from '../../lib/codec/streams.ts';
import type { Codec } from '../../lib/core/archive/layout.ts';
import { memberPathOf } from '../../lib/core/backup/member-path.ts';
import type { Tablespace } from '../../lib/core/backup/tablespaces.ts';
import { isPipelineError, PipelineError } from '../../lib/core/errors.ts';
import type { ObjectKey } from '../../lib/core/ports.ts';
import type { Archive } from '../archive/archive.ts';
import { isSystemError, writeAll } from '../host/files.ts';
import { applyIncrement } from './apply-increment.ts';
import type { MemberAction } from './chain-members.ts';
import { destinationOf } from './restore-end.ts';
import { type SmallWrites, smallWrites } from './small-writes.ts';

/** How every file is made, and how PostgreSQL wants most of them. */
const ownerOnly = 0o600;

/** What a backup says of the members of its parts. */
export type PartMembers = {
  /**
   * What to do with a file, and what it must be where that is known.
   *
   * @throws 'object-damaged' for a file that must not be there, 'tablespace-unmapped'
   */
  file(path: string): {
    readonly action: MemberAction;
    readonly expected?: { readonly bytes: number; readonly sha256: string } | undefined;
  };
  /** Whether to make a directory, or to look at a link. */
  takes(path: string): boolean;
  /** To be called after the part's last member. @throws 'object-damaged' when one is missing */
  finish(): void;
};

/** One object below tar_partitions/. */
export type PartToRestore = {
  readonly key: ObjectKey;
  /** `part_001`, `pg_control`, `backup_label`. */
  readonly partName: string;
  readonly codec: Codec;
  /** What the object itself must be, where that is known. */
  readonly object: { readonly objectBytes: number; readonly sha256: string } | undefined;
  readonly members: PartMembers;
};

export type RestoreTarget = {
  readonly directory: string;
  readonly tablespaces: readonly Tablespace[];
  /** Called with the path of a link that is left out, because it led to what no backup holds. */
  readonly onLink: (path: string) => void;
  /** Called with the number of file bytes written since the last call. */
  readonly onWritten: (bytes: number) => void;
};

/**
 * Unpacks one part below the target directory and checks it while it is written: the object's size and checksum, each
 * file's size and checksum as far as they are known, and that no file is missing or too many. Files of the part may be there, unsound, when it
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
  const writes = smallWrites();
  try {
    await unpack(archive.decode(part.codec)(packed.stream), async (entry) => {
      signal.throwIfAborted();
      await restoreEntry(part, target, entry, writes);
    });
    await writes.finish();
    part.members.finish();
  } catch (error) {
    // Nothing goes on writing behind the back of whoever is told of the failure.
    await writes.finish().catch(() => undefined);
    throw inPart(part, error);
  }
  if (part.object === undefined) return;
  const { streamBytes, sha256 } = packed.result();
  if (streamBytes !== part.object.objectBytes || sha256 !== part.object.sha256) {
    throw damaged(
      part,
      `it has ${streamBytes} bytes with SHA-256 ${sha256}, not ${part.object.objectBytes} with ${part.object.sha256}`,
    );
  }
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
  if (isSystemError(error, 'EEXIST'))
    return damaged(part, `${error.message}: it is in the backup twice`, error);
  if ('code' in error && error.code !== undefined && 'syscall' in error) {
    return new PipelineError('file-unwritable', {
      message: `restoring ${part.key}: ${error.message}`,
      hint: 'Check the free space, the permissions and the health of the target file system.',
      cause: error,
    });
  }
  // What tar-stream says of a tar that is none comes as a plain Error; a TypeError and its like are our own bugs.
  return error.constructor === Error ? damaged(part, error.message, error) : error;
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
  writes: SmallWrites,
): Promise<void> => {
  const path = pathOf(part, entry.header.name);
  switch (entry.header.type) {
    case 'directory':
      if (part.members.takes(path)) await makeDirectory(target, path, entry.header.mode);
      break;
    case 'symlink':
      if (part.members.takes(path)) await restoreLink(part, target, path);
      break;
    case 'file':
    case 'contiguous-file':
      await restoreFile(part, target, { entry, path }, writes);
      break;
    default:
      throw damaged(part, `its member ${path} is a ${entry.header.type}, which no backup holds`);
  }
  entry.resume();
};

const pathOf = (part: PartToRestore, memberName: string): string => {
  try {
    return memberPathOf(memberName);
  } catch (error) {
    throw isPipelineError(error) ? damaged(part, error.message, error) : error;
  }
};

const makeDirectory = async (target: RestoreTarget, path: string, mode = 0o700): Promise<void> => {
  const destination = join(target.directory, path);
  await mkdir(destination, { recursive: true, mode: 0o700 });
  // What follows is written into it.
  if (path !== '') await chmod(destination, (mode & 0o777) | 0o700);
};

/**
 * No link out of an archive is ever made, so that nothing can be written through one. Those that PostgreSQL knows have
 * another source: the tablespaces are linked already, and pg_wal may be a directory. A link beside the configuration
 * files (certificates often are) is left out with a warning; anywhere else it stood for files of the database.
 */
const restoreLink = async (part: PartToRestore, target: RestoreTarget, path: string): Promise<void> => {
  if (path === 'pg_wal') return makeDirectory(target, path);
  if (target.tablespaces.some(({ link }) => link === path)) return;
  if (path.includes('/')) throw damaged(part, `its member ${path} is a symbolic link`);
  target.onLink(path);
};

const restoreFile = async (
  part: PartToRestore,
  target: RestoreTarget,
  { entry, path }: { readonly entry: TarEntry; readonly path: string },
  writes: SmallWrites,
): Promise<void> => {
  const { action, expected } = part.members.file(path);
  if (action === 'leave') return;
  const destination = destinationOf(target.directory, path);
  if (action === 'apply') {
    await applyIncrement(destination, bytesOf(entry), entry.header.size ?? 0, target.onWritten);
    return utimes(destination, entry.header.mtime, entry.header.mtime);
  }
  // What has a part of its own counts more than what lies in an ordinary one too, as pg_control does in WAL-G's
  // remote backups; every other file is there once.
  const flags = part.partName === 'pg_control' || part.partName === 'backup_label' ? 'w' : 'wx';
  const assertExpected = ({ bytes, sha256 }: Written): void => {
    if (expected === undefined || (bytes === expected.bytes && sha256 === expected.sha256)) return;
    throw damaged(
      part,
      `${path} has ${bytes} bytes with SHA-256 ${sha256}, not ${expected.bytes} with ${expected.sha256}`,
    );
  };
  const { header } = entry;
  if ((header.size ?? 0) > smallBytes) {
    assertExpected(await writeFile(destination, flags, { header, content: bytesOf(entry) }, target));
    return;
  }
  const content = [await collect(bytesOf(entry))];
  await writes.add(async () =>
    assertExpected(await writeFile(destination, flags, { header, content }, target)),
  );
};

/** Up to this size a file is written beside others of its part. */
const smallBytes = 128 * 1024;

type Written = { readonly bytes: number; readonly sha256: string };

async function* bytesOf(entry: TarEntry): AsyncGenerator<Uint8Array> {
  for await (const chunk of entry) {
    assert(chunk instanceof Uint8Array, 'a tar member yields bytes');
    yield chunk;
  }
}

type Content = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

const writeFile = async (
  destination: string,
  flags: 'w' | 'wx',
  { header, content }: { readonly header: TarEntry['header']; readonly content: Content },
  target: RestoreTarget,
): Promise<Written> => {
  const file = await open(destination, flags, ownerOnly).catch(async (error: unknown) => {
    if (!isSystemError(error, 'ENOENT')) throw error;
    await mkdir(dirname(destination), { recursive: true, mode: 0o700 });
    return open(destination, flags, ownerOnly);
  });
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of content) {
      hash.update(chunk);
      await writeAll(file, chunk);
      bytes += chunk.length;
      target.onWritten(chunk.length);
    }
    const mode = (header.mode ?? ownerOnly) & 0o777;
    if (mode !== ownerOnly) await file.chmod(mode);
    await file.utimes(header.mtime, header.mtime);
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest('hex') };
};
