import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, mkdir, open, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type tar from 'tar-stream';
import { collect } from '../../lib/codec/streams.ts';
import { memberPathOf } from '../../lib/core/backup/member-path.ts';
import type { Tablespace } from '../../lib/core/backup/tablespaces.ts';
import { isPipelineError, PipelineError } from '../../lib/core/errors.ts';
import { isSystemError, writeAll } from '../host/files.ts';
import { applyIncrement } from './apply-increment.ts';
import type { MemberAction } from './chain-members.ts';
import { destinationOf } from './restore-end.ts';
import type { SmallWrites } from './small-writes.ts';

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

export type MembersOfPart = {
  /** `part_001`, `pg_control`, `backup_label`. */
  readonly partName: string;
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

export type TarEntry = tar.Extract extends AsyncIterable<infer Entry> ? Entry : never;

const damaged = (message: string): PipelineError => new PipelineError('object-damaged', { message });

/**
 * Restores one member of a part, or leaves it, as the backup says of it. A small file may still be being written when
 * this resolves: `writes` knows when it is done.
 *
 * @throws 'object-damaged' for a member that no backup holds or that is not what it should be, errors of the file system
 */
export const restoreMember = async (
  part: MembersOfPart,
  target: RestoreTarget,
  entry: TarEntry,
  writes: SmallWrites,
): Promise<void> => {
  const path = pathOf(entry.header.name);
  switch (entry.header.type) {
    case 'directory':
      if (part.members.takes(path)) await makeDirectory(target, path, entry.header.mode);
      break;
    case 'symlink':
      if (part.members.takes(path)) await restoreLink(target, path);
      break;
    case 'file':
    case 'contiguous-file':
      await restoreFile(part, target, { entry, path }, writes);
      break;
    default:
      throw damaged(`its member ${path} is a ${entry.header.type}, which no backup holds`);
  }
  entry.resume();
};

const pathOf = (memberName: string): string => {
  try {
    return memberPathOf(memberName);
  } catch (error) {
    throw isPipelineError(error) ? damaged(error.message) : error;
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
const restoreLink = async (target: RestoreTarget, path: string): Promise<void> => {
  if (path === 'pg_wal') return makeDirectory(target, path);
  if (target.tablespaces.some(({ link }) => link === path)) return;
  if (path.includes('/')) throw damaged(`its member ${path} is a symbolic link`);
  target.onLink(path);
};

const restoreFile = async (
  part: MembersOfPart,
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
