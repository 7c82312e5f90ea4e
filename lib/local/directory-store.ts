import { pathToFileURL } from 'node:url';
import type { ObjectStore } from '../core/ports.ts';
import { type Directory, pathOf, realRootOf, requireRoot } from './directory-root.ts';
import { statObject } from './directory-stat.ts';
import { walk } from './directory-walk.ts';
import { createObject, removeObject, replaceObject } from './directory-writes.ts';
import { durableDirectories, temporaryPrefix } from './durable-file.ts';
import { readObject } from './read-object.ts';

export type DirectoryStoreOptions = {
  /** Without it a power cut may lose what was acknowledged: for tests and throw-away archives. Default: true. */
  readonly fsync?: boolean;
  /** How much `open` reads at a time. Default: 1 MiB. */
  readonly chunkBytes?: number;
};

/**
 * An archive in a directory, which must exist. Objects are files under their keys; a file whose name begins with
 * `.walwarden-tmp-` is one being written, or left by a writer that died, and is no object. Symbolic links below the
 * root are refused.
 *
 * `create` publishes a finished file with link(2), the one call of POSIX that gives a name only when nobody has it; a
 * file system without hard links (exFAT, some network and FUSE file systems) is refused, because there a crash could
 * leave half an object under its final name.
 *
 * A root without any entry looks just like a mount point whose disk is missing, so absence is never proven there:
 * `open` and `stat` throw 'store-unavailable' until something has been created.
 *
 * @throws 'store-misconfigured' when `root` is not a directory
 */
export const openDirectoryStore = async (
  root: string,
  options: DirectoryStoreOptions = {},
): Promise<ObjectStore> => {
  const realRoot = await realRootOf(root);
  const fsync = options.fsync ?? true;
  const directory: Directory = {
    root: realRoot,
    fsync,
    chunkBytes: options.chunkBytes ?? 1024 * 1024,
    makeDirectory: durableDirectories(realRoot, { fsync }),
  };
  return {
    location: pathToFileURL(realRoot).href,
    isMetered: false,
    create: (key, body, call) => createObject(directory, key, body, call),
    replace: (key, body, call) => replaceObject(directory, key, body, call),
    open: async (key, call) => {
      const facts = await statObject(directory, key, call);
      if (facts === undefined) return undefined;
      return { facts, content: readObject(pathOf(directory, key), facts, { ...directory, ...call }) };
    },
    stat: (key, call) => statObject(directory, key, call),
    list: (prefix, call) => listObjects(directory, prefix, call),
    remove: (key, seen, call) => removeObject(directory, key, seen.version, call),
    close: async () => undefined,
  };
};

const listObjects = async function* (
  directory: Directory,
  prefix: string,
  call: Parameters<ObjectStore['list']>[1] = {},
) {
  call.signal?.throwIfAborted();
  await requireRoot(directory);
  // No key begins so, and the file system would understand it as a way out.
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (folder !== '' && !isFolderOfKeys(folder)) return;
  const { startAfter = '', delimiter, signal } = call;
  yield* walk({ root: directory.root, prefix, startAfter, delimiter, signal });
};

const isFolderOfKeys = (folder: string): boolean =>
  !folder.includes('\0') &&
  folder
    .slice(0, -1)
    .split('/')
    .every((step) => step !== '' && step !== '.' && step !== '..' && !step.startsWith(temporaryPrefix));
