import { filesMetadataKey } from '../../lib/core/archive/layout.ts';
import type { BackupSummary } from '../../lib/core/backup/backup-summary.ts';
import {
  filesMetadataFrame,
  formatListedFile,
  formatTarFileSet,
} from '../../lib/core/backup/files-metadata.ts';
import type { CallOptions } from '../../lib/core/ports.ts';
import type { Archive } from '../archive/archive.ts';
import { nameTaken } from './name-taken.ts';
import { memberName } from './part-writer.ts';
import { readManifest } from './restore-parts.ts';

/** WAL-G takes these from their own parts whether they are listed or not, and does not list them. */
const ownParts: ReadonlySet<string> = new Set(['global/pg_control', 'backup_label', 'tablespace_map']);

/**
 * Writes the list of files that WAL-G restores by: a member that it does not find there under its very name is left out.
 * Both of the document's maps are streamed from our own manifest, which has all they need and lies in the archive by now,
 * so that memory holds the names of one part.
 */
export const writeFilesMetadata = async (
  archive: Archive,
  summary: BackupSummary,
  options: CallOptions,
): Promise<void> => {
  const key = filesMetadataKey(summary.backupName);
  const outcome = await archive.store.create(key, bytesOf(archive, summary), options);
  if (outcome === 'exists') throw nameTaken(key);
};

async function* bytesOf(archive: Archive, summary: BackupSummary): AsyncGenerator<Uint8Array> {
  yield Buffer.from(filesMetadataFrame.begin);
  let separator = '';
  for await (const { files } of readManifest(archive, summary)) {
    const listed = files.filter(({ path }) => !ownParts.has(path));
    if (listed.length === 0) continue;
    const entries = listed.map(({ path, modifiedAt }) => formatListedFile(memberName(path), modifiedAt));
    yield Buffer.from(`${separator}${entries.join(',')}`);
    separator = ',';
  }
  yield Buffer.from(filesMetadataFrame.betweenMaps);
  separator = '';
  for await (const { part, files } of readManifest(archive, summary)) {
    const names = files.map(({ path }) => memberName(path));
    yield Buffer.from(`${separator}${formatTarFileSet(part.object, names)}`);
    separator = ',';
  }
  yield Buffer.from(filesMetadataFrame.end);
}
