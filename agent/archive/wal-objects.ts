import { type Codec, parseKey, walKey, walPrefix } from '../../lib/core/archive/layout.ts';
import type { ObjectKey, OpenObject } from '../../lib/core/ports.ts';
import { type Archive, codecsFrom } from './archive.ts';

/** Where and how a WAL file lies in the archive. */
export type StoredWalFile = { readonly key: ObjectKey; readonly codec: Codec };

/** Where the archive holds a WAL file, under any codec's suffix, or `undefined` when it provably holds none. */
export const findWalFile = (archive: Archive, fileName: string): Promise<StoredWalFile | undefined> =>
  archive.store.isMetered
    ? findInListing(archive, fileName)
    : findAmong(archive, fileName, codecsFrom(archive.codec));

/** Looks for the file under the suffixes of these codecs only. */
export const findAmong = async (
  archive: Archive,
  fileName: string,
  candidates: readonly Codec[],
): Promise<StoredWalFile | undefined> => {
  for (const codec of candidates) {
    const key = walKey(fileName, codec);
    if ((await archive.store.stat(key, { signal: archive.signal })) !== undefined) return { key, codec };
  }
  return undefined;
};

/** One request tells of all codecs at once. */
const findInListing = async (archive: Archive, fileName: string): Promise<StoredWalFile | undefined> => {
  for await (const entry of archive.store.list(`${walPrefix}${fileName}`, { signal: archive.signal })) {
    if ('folder' in entry) continue;
    const object = parseKey(entry.key);
    // The prefix of a segment's name also fits its partial twin and the backup history files beside it.
    if (object.kind === 'wal' && object.file.name === fileName)
      return { key: entry.key, codec: object.codec };
  }
  return undefined;
};

/**
 * Opens the object that holds a WAL file. The likeliest codec is asked for first, so that a known one costs one request;
 * `undefined` means that the store proved that there is none of any.
 */
export const openWalFile = async (
  archive: Archive,
  fileName: string,
  likeliest: Codec,
): Promise<(StoredWalFile & { readonly object: OpenObject }) | undefined> => {
  const guess = { key: walKey(fileName, likeliest), codec: likeliest };
  const guessed = await archive.store.open(guess.key, { signal: archive.signal });
  if (guessed !== undefined) return { ...guess, object: guessed };
  const found = await findWalFile(archive, fileName);
  if (found === undefined) return undefined;
  const object = await archive.store.open(found.key, { signal: archive.signal });
  return object === undefined ? undefined : { ...found, object };
};
