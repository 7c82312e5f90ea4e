import { metadataKey } from '../../lib/core/archive/layout.ts';
import { formatBackupMetadata, withPermanence } from '../../lib/core/backup/backup-metadata.ts';
import { findBackup } from '../../lib/core/backup/backup-selection.ts';
import type { Archive } from '../archive/archive.ts';
import { type Backup, listBackups, readDocument } from './backups.ts';

/**
 * Says of a backup whether retention may ever expire it, where WAL-G says it: in metadata.json, the one document of a
 * backup that changes. A delta of WAL-G stands on its parents, so those become permanent with it.
 */
export const markBackup = async (
  archive: Archive,
  text: string,
  isPermanent: boolean,
): Promise<readonly Backup[]> => {
  const backups = await listBackups(archive);
  const marked: Backup[] = [findBackup(backups, text)];
  for (let next = marked.at(-1); isPermanent && next?.sentinel.delta !== undefined; next = marked.at(-1)) {
    marked.push(findBackup(backups, next.sentinel.delta.from));
  }
  for (const { name, sentinel } of marked) {
    const key = metadataKey(name);
    const before = (await readDocument(archive, key)) ?? formatBackupMetadata(sentinel);
    await archive.store.replace(key, Buffer.from(withPermanence(before, isPermanent, key)), {
      signal: archive.signal,
    });
    archive.log.info('backup-mark', { state: 'complete', backup: name, isPermanent });
  }
  return marked;
};
