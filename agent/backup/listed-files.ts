import { filesMetadataKey, sentinelKey } from '../../lib/core/archive/layout.ts';
import { type FilesScanner, filesScanner, type ListedFile } from '../../lib/core/backup/files-metadata.ts';
import { parseJson } from '../../lib/core/json.ts';
import type { ObjectKey } from '../../lib/core/ports.ts';
import type { Archive } from '../archive/archive.ts';

/**
 * What WAL-G lists of a backup's files, streamed from files_metadata.json or, in old backups, from the sentinel itself.
 * Nothing at all where it kept no list.
 *
 * @throws 'archive-document-invalid'
 */
export async function* listedFiles(archive: Archive, backupName: string): AsyncGenerator<ListedFile> {
  for (const key of [filesMetadataKey(backupName), sentinelKey(backupName)]) {
    const scanner = filesScanner(key);
    let isThere = false;
    for await (const files of scan(archive, key, scanner)) {
      isThere = true;
      yield* files;
    }
    if (!isThere) continue;
    parseJson(scanner.finish(), key);
    return;
  }
}

/** The document without its lists of files, which may be far larger than all the rest; `undefined` when it is not there. */
export const documentWithoutFiles = async (archive: Archive, key: ObjectKey): Promise<string | undefined> => {
  const scanner = filesScanner(key);
  let isThere = false;
  for await (const _files of scan(archive, key, scanner)) isThere = true;
  return isThere ? scanner.finish() : undefined;
};

/** Yields at least once for an object that is there. */
async function* scan(
  archive: Archive,
  key: ObjectKey,
  scanner: FilesScanner,
): AsyncGenerator<readonly ListedFile[]> {
  const object = await archive.store.open(key, { signal: archive.signal });
  if (object === undefined) return;
  const decoder = new TextDecoder();
  for await (const chunk of object.content) yield scanner.accept(decoder.decode(chunk, { stream: true }));
  yield scanner.accept(decoder.decode());
}
