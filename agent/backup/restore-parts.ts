import { withDigest } from '../../lib/codec/streams.ts';
import { backupManifestKey, parseKey, partKey, tarPartitionsPrefix } from '../../lib/core/archive/layout.ts';
import type { BackupSummary } from '../../lib/core/backup/backup-summary.ts';
import type { ManifestFile, ManifestPart } from '../../lib/core/backup/manifest.ts';
import { manifestReader } from '../../lib/core/backup/manifest-reader.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import type { Archive } from '../archive/archive.ts';
import { namingKey } from '../archive/object-content.ts';
import { vanished } from './backups.ts';
import type { PartToRestore } from './part-reader.ts';
import type { PartMembers } from './restore-member.ts';

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
  for await (const text of lines(namingKey(key, archive.decode('lz4')(packed.stream)))) {
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

/** @throws 'backup-damaged' when the manifest names an object that cannot be a part */
const partOf = (backupName: string, { part, files }: ManifestGroup): PartToRestore => {
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
    object: { objectBytes: part.objectBytes, sha256: part.sha256 },
    members: manifestMembers(files),
  };
};

/** Exactly these files, once each; directories as they come, and no links. */
const manifestMembers = (files: readonly ManifestFile[]): PartMembers => {
  const left = new Map(files.map((file) => [file.path, file]));
  return {
    file(path) {
      const expected = left.get(path);
      if (!left.delete(path)) {
        throw new PipelineError('object-damaged', {
          message: `${path} does not belong in it, or comes twice`,
        });
      }
      return { action: 'write', expected };
    },
    takes: () => true,
    finish() {
      const [missing] = left.keys();
      if (missing === undefined) return;
      throw new PipelineError('object-damaged', { message: `${missing} is not in it` });
    },
  };
};

/** Every part of a backup of our own, as its manifest lists them. @throws 'backup-damaged', 'backup-absent' */
export async function* manifestParts(
  archive: Archive,
  summary: BackupSummary,
): AsyncGenerator<PartToRestore> {
  for await (const group of readManifest(archive, summary)) yield partOf(summary.backupName, group);
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
