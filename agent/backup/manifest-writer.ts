import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { withDigest } from '../../lib/codec/streams.ts';
import { backupManifestKey } from '../../lib/core/archive/layout.ts';
import { formatManifestLine, type ManifestEnd, type ManifestHeader } from '../../lib/core/backup/manifest.ts';
import type { CallOptions } from '../../lib/core/ports.ts';
import type { Archive } from '../archive/archive.ts';
import { nameTaken } from './name-taken.ts';
import type { WrittenPart } from './part-writer.ts';

/** A base backup's manifest while it grows: streamed to the store part by part, so that it is never whole in memory. */
export type ManifestWriter = {
  /** Resolves when there is room for the next part's lines. */
  add(part: WrittenPart): Promise<void>;
  /** Ends the manifest and resolves when it is durable. */
  finish(end: ManifestEnd): Promise<{ readonly sha256: string }>;
  /** Gives up: nothing appears in the archive. */
  abandon(reason: unknown): Promise<void>;
};

export const beginManifest = (
  archive: Pick<Archive, 'store' | 'encodeAs'>,
  header: ManifestHeader,
  options: CallOptions,
): ManifestWriter => {
  const pipe = new PassThrough({ highWaterMark: 1024 * 1024 });
  // What goes wrong in the pipe comes out of `created`.
  pipe.on('error', () => undefined);
  const packed = withDigest(archive.encodeAs('lz4')(pipe));
  const key = backupManifestKey(header.name);
  const created = archive.store.create(key, packed.stream, options);
  created.catch((error: unknown) => pipe.destroy(error instanceof Error ? error : undefined));

  const write = async (text: string): Promise<void> => {
    if (!pipe.write(text)) await Promise.race([once(pipe, 'drain'), created]);
  };
  pipe.write(formatManifestLine(header));

  return {
    async add(part) {
      const { files, ...facts } = part;
      const lines = [
        formatManifestLine({ kind: 'part', ...facts, files: files.length }),
        ...files.map((file) => formatManifestLine({ kind: 'file', ...file })),
      ];
      await write(lines.join(''));
    },
    async finish(end) {
      pipe.end(formatManifestLine(end));
      if ((await created) === 'exists') {
        throw nameTaken(key);
      }
      return { sha256: packed.result().sha256 };
    },
    async abandon(reason) {
      pipe.destroy(reason instanceof Error ? reason : new Error(String(reason)));
      await created.catch(() => undefined);
    },
  };
};
