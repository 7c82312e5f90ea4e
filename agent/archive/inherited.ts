import { parseKey, walPrefix } from '../../lib/core/archive/layout.ts';
import {
  parseSegmentHeader,
  type SegmentHeader,
  segmentHeaderBytes,
} from '../../lib/core/wal/segment-header.ts';
import type { Archive } from './archive.ts';
import { readHead } from './object-content.ts';

/**
 * An archive that WAL-G or WAL-E wrote says nowhere whose it is, but each of its segments does. One is enough: a prefix
 * holds one cluster, and a look at more would cost the first push of a large archive minutes. `undefined` when the
 * archive holds no segment.
 */
export const firstSegment = async (
  archive: Archive,
): Promise<{ readonly name: string; readonly header: SegmentHeader } | undefined> => {
  for await (const entry of archive.store.list(walPrefix, { signal: archive.signal })) {
    if ('folder' in entry) continue;
    const object = parseKey(entry.key);
    if (object.kind !== 'wal' || object.file.kind !== 'segment') continue;
    const head = await readHead(archive, entry.key, object.codec, segmentHeaderBytes);
    if (head !== undefined) return { name: object.file.name, header: parseSegmentHeader(head) };
  }
  return undefined;
};
