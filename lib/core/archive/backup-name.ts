import { strict as assert } from 'node:assert';
import { maxSegmentBytes, type Segment } from '../wal/segment.ts';
import { parseWalFileName } from '../wal/wal-file.ts';

/**
 * The name of a base backup, which says in which segment it started:
 *
 * - 'full': `base_<segment>`, WAL-G's and ours.
 * - 'delta': `base_<segment>_D_<parent's segment>`, WAL-G's. The parent's true name is in the sentinel.
 * - 'offset': `base_<segment>_<8 digits>`. WAL-E names every backup so, and means the offset in **decimal**; we name so
 *   the second backup that starts in one segment, and mean it in **hexadecimal**. The sentinel tells who wrote it, so
 *   `offset` stays text here.
 *
 * A name is a label: where a backup starts is what its sentinel says.
 */
export type BackupName = {
  readonly kind: 'full' | 'delta' | 'offset';
  readonly name: string;
  readonly segmentName: string;
  readonly parentSegmentName?: string;
  readonly offset?: string;
};

const backupName =
  /^base_(?<segmentName>[0-9A-F]{24})(?:_D_(?<parentSegmentName>[0-9A-F]{24}))?(?:_(?<offset>[0-9A-F]{8}))?$/;

const isSegmentName = (name: string): boolean => parseWalFileName(name)?.kind === 'segment';

/** `undefined` for anything but a name that WAL-G, WAL-E or we give a base backup. */
export const parseBackupName = (name: string): BackupName | undefined => {
  const { segmentName = '', parentSegmentName, offset } = backupName.exec(name)?.groups ?? {};
  if (!isSegmentName(segmentName)) return undefined;
  const offsetPart = offset === undefined ? {} : { offset };
  if (parentSegmentName !== undefined) {
    if (!isSegmentName(parentSegmentName)) return undefined;
    return { kind: 'delta', name, segmentName, parentSegmentName, ...offsetPart };
  }
  return { kind: offset === undefined ? 'full' : 'offset', name, segmentName, ...offsetPart };
};

/**
 * Names a full backup. Two backups that start in one segment would share a name; the second one adds the offset of its
 * start LSN in the segment, in bytes, which differs for every backup (each starts at a checkpoint of its own).
 */
export const backupNameOf = (segment: Segment, offset?: number): string => {
  if (offset === undefined) return `base_${segment.name}`;
  assert(
    Number.isInteger(offset) && offset >= 0 && offset < maxSegmentBytes,
    'a backup starts inside its segment',
  );
  return `base_${segment.name}_${offset.toString(16).toUpperCase().padStart(8, '0')}`;
};
