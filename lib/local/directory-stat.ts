import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { CallOptions, ObjectFacts, ObjectKey } from '../core/ports.ts';
import { type Directory, detour, pathOf, refuseDetours, requireContent } from './directory-root.ts';
import { onDiskUnless } from './file-errors.ts';
import { factsOf } from './object-facts.ts';

/** `undefined` only for proven absence: see `requireContent`. */
export const statObject = async (
  directory: Directory,
  key: ObjectKey,
  call: CallOptions = {},
): Promise<ObjectFacts | undefined> => {
  const target = pathOf(directory, key);
  call.signal?.throwIfAborted();
  const found = await lookUp(directory, key, target);
  if (found !== undefined) return found;
  await requireContent(directory);
  // Once more, because the disk may have been mounted after the first look and before the root was seen full.
  return lookUp(directory, key, target);
};

const lookUp = async (
  directory: Directory,
  key: ObjectKey,
  target: string,
): Promise<ObjectFacts | undefined> => {
  const stats = await onDiskUnless(['ENOENT', 'ENOTDIR'], lstat(target, { bigint: true }));
  await refuseDetours(directory.root, dirname(target));
  if (stats?.isSymbolicLink() === true) throw detour(directory.root, `${target} is a symbolic link`);
  if (stats?.isFile() !== true) return undefined;
  return factsOf(key, stats);
};
