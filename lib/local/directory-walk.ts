import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseObjectKey } from '../core/archive/object-key.ts';
import type { ListEntry, ObjectFacts } from '../core/ports.ts';
import { detour, refuseDetours } from './directory-root.ts';
import { temporaryPrefix } from './durable-file.ts';
import { onDiskUnless } from './file-errors.ts';
import { factsOf } from './object-facts.ts';

export type Walk = {
  readonly root: string;
  readonly prefix: string;
  readonly startAfter: string;
  readonly delimiter: '/' | undefined;
  readonly signal: AbortSignal | undefined;
};

/** How many files' facts are asked for at once. */
const statsAtOnce = 32;

/** The archive's objects in the byte order of their keys; one directory's names at each level are in memory. */
export const walk = (options: Walk): AsyncGenerator<ListEntry, void, undefined> => {
  const folderEnd = options.prefix.lastIndexOf('/') + 1;
  return walkFolder(options, options.prefix.slice(0, folderEnd));
};

type Named = { readonly key: string; readonly entry: Dirent };

const walkFolder = async function* (
  options: Walk,
  folder: string,
): AsyncGenerator<ListEntry, void, undefined> {
  const names = await namesIn(options, folder);
  for (let next = 0; next < names.length; ) {
    options.signal?.throwIfAborted();
    const first = names[next];
    if (first?.entry.isDirectory() === true) {
      next += 1;
      yield* walkSubfolder(options, first.key);
      continue;
    }
    const directoryAt = names.findIndex(({ entry }, index) => index > next && entry.isDirectory());
    const end = Math.min(next + statsAtOnce, directoryAt === -1 ? names.length : directoryAt);
    const facts = await Promise.all(names.slice(next, end).map((named) => factsBelow(options.root, named)));
    for (const found of facts) if (found !== undefined) yield found;
    next = end;
  }
};

/** With a delimiter a folder stands for its objects, and is there only when at least one of them is. */
const walkSubfolder = async function* (
  options: Walk,
  folder: string,
): AsyncGenerator<ListEntry, void, undefined> {
  if (options.delimiter === undefined) {
    yield* walkFolder(options, folder);
    return;
  }
  for await (const _ of walkFolder({ ...options, delimiter: undefined }, folder)) {
    yield { folder };
    return;
  }
};

/** What may lead to objects of the listing, folders with their final slash, in the byte order of the keys. */
const namesIn = async (options: Walk, folder: string): Promise<readonly Named[]> => {
  const directory = join(options.root, folder);
  await refuseDetours(options.root, directory);
  // It may be gone since its parent was read, or never have been: then it holds nothing.
  const entries = await onDiskUnless(
    ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'],
    readdir(directory, { withFileTypes: true }),
  );
  if (entries === undefined) return [];
  return entries
    .flatMap((entry): Named[] => {
      const key = `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`;
      return isWanted(options, key, entry) ? [{ key, entry }] : [];
    })
    .sort((left, right) => compareBytes(left.key, right.key));
};

const isWanted = (options: Walk, key: string, entry: Dirent): boolean => {
  if (entry.name.startsWith(temporaryPrefix)) return false;
  // ext2, 3 and 4 keep it in the root of a file system, for root's eyes only.
  if (key === 'lost+found/') return false;
  if (entry.isDirectory()) {
    const mayMatch = key.startsWith(options.prefix) || options.prefix.startsWith(key);
    return mayMatch && (options.startAfter.startsWith(key) || compareBytes(key, options.startAfter) > 0);
  }
  if (!key.startsWith(options.prefix) || compareBytes(key, options.startAfter) <= 0) return false;
  if (entry.isSymbolicLink()) throw detour(options.root, `${key} is a symbolic link`);
  return entry.isFile();
};

const factsBelow = async (root: string, { key }: Named): Promise<ObjectFacts | undefined> => {
  const stats = await onDiskUnless(['ENOENT'], lstat(join(root, key), { bigint: true }));
  return stats?.isFile() === true ? factsOf(parseObjectKey(key), stats) : undefined;
};

const compareBytes = (left: string, right: string): number =>
  Buffer.compare(Buffer.from(left), Buffer.from(right));
