import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type PgManifestFile, pgManifestWriter } from '../../lib/core/backup/pg-manifest.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import type { Archive } from '../archive/archive.ts';
import { writeDurably } from '../host/files.ts';
import type { Backup } from './backups.ts';
import { readManifest } from './restore-parts.ts';

/**
 * Writes PostgreSQL's own `backup_manifest` into a restored directory, so that pg_verifybackup can check it with no word
 * of ours. Streamed from our manifest, but for tablespace_map, which the restore writes anew: that is listed as it lies
 * there, if it does.
 *
 * @throws 'backup-damaged' for a backup without a manifest of ours
 */
export const writePgManifest = async (archive: Archive, backup: Backup, directory: string): Promise<void> => {
  const { summary } = backup;
  if (summary === undefined) {
    throw new PipelineError('backup-damaged', {
      message: `${backup.name} was not taken by walwarden and has no manifest`,
      hint: 'Leave --manifest out; checksums of the files are only in backups that walwarden took.',
    });
  }
  const hash = createHash('sha256');
  const writer = pgManifestWriter({
    majorVersion: Math.floor(summary.pgVersion / 10000),
    systemIdentifier: summary.systemIdentifier,
  });
  const hashed = (text: string): Buffer => {
    const bytes = Buffer.from(text);
    hash.update(bytes);
    return bytes;
  };
  async function* content(): AsyncGenerator<Uint8Array> {
    yield hashed(writer.header);
    if (summary === undefined) return;
    for await (const { files } of readManifest(archive, summary)) {
      const texts = files.filter(({ path }) => path !== 'tablespace_map').map((file) => writer.file(file));
      yield hashed(texts.join(''));
    }
    const map = await tablespaceMap(directory);
    if (map !== undefined) yield hashed(writer.file(map));
    const { timelineId, startLsn, stopLsn } = summary;
    yield hashed(writer.walRanges([{ timelineId, startLsn, endLsn: stopLsn }]));
    yield Buffer.from(writer.checksum(hash.digest('hex')));
  }
  await writeDurably(join(directory, 'backup_manifest'), content());
};

const tablespaceMap = async (directory: string): Promise<PgManifestFile | undefined> => {
  const path = join(directory, 'tablespace_map');
  const content = await readFile(path).catch(() => undefined);
  if (content === undefined) return undefined;
  const { mtime: modifiedAt } = await stat(path);
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { path: 'tablespace_map', bytes: content.length, modifiedAt, sha256 };
};
