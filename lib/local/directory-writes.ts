import { link, lstat, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PipelineError } from '../core/errors.ts';
import type { ByteSource, CallOptions, ObjectKey } from '../core/ports.ts';
import { type Directory, detour, pathOf, refuseDetours, requireRoot } from './directory-root.ts';
import { statObject } from './directory-stat.ts';
import { removeTemporary, sync, temporaryBeside, writeTemporary } from './durable-file.ts';
import { errnoOf, onDisk, onDiskUnless, storeError } from './file-errors.ts';
import { factsOf } from './object-facts.ts';

export const createObject = async (
  directory: Directory,
  key: ObjectKey,
  body: ByteSource,
  call: CallOptions = {},
): Promise<'created' | 'exists'> => {
  const target = pathOf(directory, key);
  call.signal?.throwIfAborted();
  await requireRoot(directory);
  await refuseDetours(directory.root, dirname(target));
  await directory.makeDirectory(dirname(target));
  if (await isTaken(directory, target)) {
    // A body that nobody will read is told so, because it may hold a file or a connection open.
    if (!(body instanceof Uint8Array)) await body[Symbol.asyncIterator]().return?.();
    return settleExisting(directory, target);
  }

  const temporary = await writeTemporary(target, body, { ...directory, signal: call.signal });
  try {
    await link(temporary, target);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw withoutLinks(directory, error);
    if (await isTaken(directory, target)) return await settleExisting(directory, target);
    throw new PipelineError('store-unavailable', { message: `${target} came and went while it was created` });
  } finally {
    await removeTemporary(temporary);
  }
  if (directory.fsync) await sync(dirname(target));
  return 'created';
};

const isTaken = async (directory: Directory, target: string): Promise<boolean> => {
  const found = await onDiskUnless(['ENOENT'], lstat(target));
  if (found === undefined) return false;
  if (found.isFile()) return true;
  if (found.isSymbolicLink()) throw detour(directory.root, `${target} is a symbolic link`);
  throw new PipelineError('key-refused', {
    message: `${target} is a ${found.isDirectory() ? 'directory' : 'special file'}, not an object`,
    hint: 'A directory cannot hold an object and a folder of the same name; move the stray one out of the archive.',
  });
};

/** Whoever made the object may have died before syncing it, and "exists" is acknowledged as "archived". */
const settleExisting = async (directory: Directory, target: string): Promise<'exists'> => {
  if (directory.fsync) {
    await sync(target);
    await sync(dirname(target));
  }
  return 'exists';
};

const withoutLinks = (directory: Directory, error: unknown): unknown => {
  if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errnoOf(error) ?? ''))
    return storeError(error);
  return new PipelineError('store-misconfigured', {
    message: `the file system of ${directory.root} makes no hard links (${errnoOf(error)})`,
    hint: 'Put the archive on a file system with hard links (ext4, XFS, Btrfs, ZFS, NFS); without them an object cannot be published whole and never overwritten.',
    cause: error,
  });
};

export const replaceObject = async (
  directory: Directory,
  key: ObjectKey,
  body: Uint8Array,
  call: CallOptions = {},
): Promise<void> => {
  const target = pathOf(directory, key);
  call.signal?.throwIfAborted();
  await requireRoot(directory);
  await refuseDetours(directory.root, dirname(target));
  await directory.makeDirectory(dirname(target));
  await isTaken(directory, target);
  const temporary = await writeTemporary(target, body, { ...directory, signal: call.signal });
  try {
    await onDisk(rename(temporary, target));
  } catch (error) {
    await removeTemporary(temporary);
    throw error;
  }
  if (directory.fsync) await sync(dirname(target));
};

export const removeObject = async (
  directory: Directory,
  key: ObjectKey,
  version: string,
  call: CallOptions = {},
): Promise<'removed' | 'absent' | 'changed'> => {
  const target = pathOf(directory, key);
  const facts = await statObject(directory, key, call);
  if (facts === undefined) return 'absent';
  if (facts.version !== version) return 'changed';
  // Taken out of sight first and looked at again, because somebody may replace it between a look and an unlink.
  const taken = temporaryBeside(target);
  if (
    (await onDiskUnless(
      ['ENOENT'],
      rename(target, taken).then(() => true),
    )) === undefined
  )
    return 'absent';
  const stats = await onDisk(lstat(taken, { bigint: true }));
  const isTheSeen = factsOf(key, stats).version === version;
  if (!isTheSeen) await onDiskUnless(['EEXIST'], link(taken, target));
  await removeTemporary(taken);
  if (directory.fsync) await sync(dirname(target));
  return isTheSeen ? 'removed' : 'changed';
};
