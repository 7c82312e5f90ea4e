import { lstat, opendir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { parseObjectKey } from '../core/archive/object-key.ts';
import { PipelineError } from '../core/errors.ts';
import type { ObjectKey } from '../core/ports.ts';
import { temporaryPrefix } from './durable-file.ts';
import { onDisk, onDiskUnless } from './file-errors.ts';

/** An opened directory store. */
export type Directory = {
  readonly root: string;
  readonly fsync: boolean;
  readonly chunkBytes: number;
  /** Makes a directory below the root, and its parents, so that they survive a power cut. */
  readonly makeDirectory: (directory: string) => Promise<void>;
};

/** @throws 'store-misconfigured' when there is no such directory */
export const realRootOf = async (root: string): Promise<string> => {
  const found = await onDiskUnless(['ENOENT', 'ENOTDIR'], stat(root));
  if (found?.isDirectory() === true) return onDisk(realpath(root));
  throw new PipelineError('store-misconfigured', {
    message: `archive directory ${root} ${found === undefined ? 'does not exist' : 'is not a directory'}`,
    hint: 'Make the directory (or mount its disk) and give it to the user that runs walwarden.',
  });
};

/** @throws 'key-refused' */
export const pathOf = (directory: Directory, key: ObjectKey): string => {
  const steps = parseObjectKey(key).split('/');
  if (steps.some((step) => step.startsWith(temporaryPrefix))) {
    throw new PipelineError('key-refused', {
      message: `object key ${JSON.stringify(key)} has a step that begins with ${temporaryPrefix}`,
      hint: 'Such names belong to files that are being written.',
    });
  }
  return join(directory.root, ...steps);
};

/** @throws 'store-unavailable' when the root has vanished since the store was opened */
export const requireRoot = async (directory: Directory): Promise<void> => {
  const found = await onDiskUnless(['ENOENT', 'ENOTDIR'], stat(directory.root));
  if (found?.isDirectory() === true) return;
  throw unavailable(
    `archive directory ${directory.root} is gone`,
    'Mount its disk again, or see who moved the directory away.',
  );
};

/**
 * Whether absence can be proven at all.
 *
 * @throws 'store-unavailable' when the root has vanished or is empty
 */
export const requireContent = async (directory: Directory): Promise<void> => {
  await requireRoot(directory);
  const entries = await onDisk(opendir(directory.root));
  const first = await onDisk(entries.read()).finally(() => entries.close());
  if (first !== null) return;
  throw unavailable(
    `archive directory ${directory.root} is empty, so nothing in it is proven absent`,
    'If the archive lies on a disk of its own, mount it; an archive that was never written to says this until its first object.',
  );
};

/**
 * Everything between the root and `directory` must be a directory on the root's own file system: a link leads nobody
 * knows where, and a mount point in the middle would look like an empty folder, and its objects proven absent, whenever
 * its disk is missing. Steps that are not there yet are no detour.
 *
 * @throws 'store-misconfigured'
 */
export const refuseDetours = async (root: string, directory: string): Promise<void> => {
  const device = (await onDiskUnless(['ENOENT'], stat(root)))?.dev;
  const steps = directory
    .slice(root.length)
    .split(sep)
    .filter((step) => step !== '');
  for (let depth = 1; depth <= steps.length; depth += 1) {
    const path = join(root, ...steps.slice(0, depth));
    const found = await onDiskUnless(['ENOENT', 'ENOTDIR'], lstat(path));
    if (found === undefined) return;
    if (found.isSymbolicLink()) throw detour(root, `${path} is a symbolic link`);
    if (found.isDirectory() && found.dev !== device) throw detour(root, `${path} is on another file system`);
  }
};

export const detour = (root: string, message: string): PipelineError =>
  new PipelineError('store-misconfigured', {
    message,
    hint: `Everything below ${root} must lie on one file system, without symbolic links; make the root itself a mount point or a link.`,
  });

const unavailable = (message: string, hint: string): PipelineError =>
  new PipelineError('store-unavailable', { message, hint });
