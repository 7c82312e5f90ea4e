import { withDigest } from '../../lib/codec/streams.ts';
import { backupManifestKey, parseKey, partKey, tarPartitionsPrefix } from '../../lib/core/archive/layout.ts';
import type { BackupSummary } from '../../lib/core/backup/backup-summary.ts';
import type { ManifestFile, ManifestPart } from '../../lib/core/backup/manifest.ts';
import { manifestReader } from '../../lib/core/backup/manifest-reader.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import type { Archive } from '../archive/archive.ts';
import { type Backup, vanished } from './backups.ts';
import type { PartToRestore } from './part-reader.ts';

/** A part as the manifest describes it, with its files. */
type ManifestGroup = { readonly part: ManifestPart; readonly files: readonly ManifestFile[] };

/**
 * A manifest's parts, one after the other, each with its files; only one is held at a time. The manifest itself is
 * checked against the backup's summary, and nothing counts that was yielded before it came to its end without an error.
 *
 * @throws 'backup-damaged', 'backup-absent'
 */
export async function* readManifest(archive: Archive, summary: BackupSummary): AsyncGenerator<ManifestGroup> {
  const key = backupManifestKey(summary.backupName);
  const object = await archive.store.open(key, { signal: archive.signal });
  if (object === undefined) throw vanished(summary.backupName, key);
  const packed = withDigest(object.content);
  const reader = manifestReader(key);
  let part: ManifestPart | undefined;
  let files: ManifestFile[] = [];
  for await (const text of lines(archive.decode('lz4')(packed.stream))) {
    const line = reader.accept(text);
    if (line.kind === 'file') {
      files.push(line);
      continue;
    }
    if (part !== undefined) yield { part, files };
    part = line.kind === 'part' ? line : undefined;
    files = [];
  }
  reader.finish();
  const { sha256 } = packed.result();
  if (sha256 === summary.manifestSha256) return;
  throw new PipelineError('backup-damaged', {
    message: `${key} has SHA-256 ${sha256}, not ${summary.manifestSha256} as the backup's summary says`,
    hint: 'The manifest was damaged or swapped; restore another base backup.',
  });
}

/** What to restore of a part, and which it is: `part_001`, `pg_control`, `backup_label`. */
export type NamedPart = PartToRestore & { readonly partName: string };

/** @throws 'backup-damaged' when the manifest names an object that cannot be a part */
const partOf = (backupName: string, { part, files }: ManifestGroup): NamedPart => {
  const object = parseKey(`${tarPartitionsPrefix(backupName)}${part.object}`);
  if (object.kind !== 'part') {
    throw new PipelineError('backup-damaged', {
      message: `the manifest of ${backupName} names ${JSON.stringify(part.object)} as a part`,
      hint: 'The manifest was damaged; restore another base backup.',
    });
  }
  return {
    key: partKey(backupName, object.partName, object.codec),
    partName: object.partName,
    codec: object.codec,
    expected: {
      objectBytes: part.objectBytes,
      sha256: part.sha256,
      files: new Map(files.map((file) => [file.path, file])),
    },
  };
};

/** Every part of a backup, as its manifest lists them. @throws 'backup-damaged', 'backup-absent' */
export async function* restoreParts(archive: Archive, backup: Backup): AsyncGenerator<NamedPart> {
  const { summary } = backup;
  if (summary === undefined) {
    throw new PipelineError('backup-damaged', {
      message: `${backup.name} has no manifest`,
      hint: 'Only base backups that walwarden took can be restored; for another one use the tool that took it.',
    });
  }
  for await (const group of readManifest(archive, summary)) yield partOf(backup.name, group);
}

const maxLineBytes = 1024 * 1024;

async function* lines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const chunk of source) {
    let buffer = Buffer.concat([rest, chunk]);
    for (let end = buffer.indexOf(10); end >= 0; end = buffer.indexOf(10)) {
      yield buffer.toString('utf8', 0, end);
      buffer = buffer.subarray(end + 1);
    }
    rest = buffer;
    if (rest.length <= maxLineBytes) continue;
    throw new PipelineError('backup-damaged', {
      message: 'a line of the manifest has no end',
      hint: 'The manifest was damaged; restore another base backup.',
    });
  }
  if (rest.length > 0) yield rest.toString('utf8');
}
