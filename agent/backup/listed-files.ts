import { filesMetadataKey, sentinelKey } from '../../lib/core/archive/layout.ts';
import { type FilesScanner, filesScanner, type ListedFile } from '../../lib/core/backup/files-metadata.ts';
import { parseJson } from '../../lib/core/json.ts';
import type { ObjectKey, OpenObject } from '../../lib/core/ports.ts';
import type { Archive } from '../archive/archive.ts';

/**
 * What WAL-G lists of a backup's files, streamed from files_metadata.json or, in old backups, from the sentinel itself.
 * Nothing at all where it kept no list.
 *
 * @throws 'archive-document-invalid'
 */
export async function* listedFiles(archive: Archive, backupName: string): AsyncGenerator<ListedFile> {
  for (const key of [filesMetadataKey(backupName), sentinelKey(backupName)]) {
    const object = await archive.store.open(key, { signal: archive.signal });
    if (object === undefined) continue;
    const scanner = filesScanner(key);
    for await (const files of scan(object, scanner)) yield* files;
    parseJson(scanner.finish(), key);
    return;
  }
}

/**
 * A document without its lists of files, which may be far larger than all the rest, and when the store got it;
 * `undefined` when it is not there.
 */
export const documentWithoutFiles = async (
  archive: Archive,
  key: ObjectKey,
): Promise<{ readonly text: string; readonly storedAt: Date } | undefined> => {
  const object = await archive.store.open(key, { signal: archive.signal });
  if (object === undefined) return undefined;
  const scanner = filesScanner(key);
  for await (const _files of scan(object, scanner));
  return { text: scanner.finish(), storedAt: object.facts.modifiedAt };
};

async function* scan(object: OpenObject, scanner: FilesScanner): AsyncGenerator<readonly ListedFile[]> {
  const decoder = new TextDecoder();
  for await (const chunk of object.content) yield scanner.accept(decoder.decode(chunk, { stream: true }));
  yield scanner.accept(decoder.decode());
}
