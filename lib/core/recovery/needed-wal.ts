import type { Lsn } from '../wal/lsn.ts';
import {
  nextSegment,
  type Segment,
  type SegmentBytes,
  segmentOfEndLsn,
  segmentOfLsn,
  type TimelineId,
} from '../wal/segment.ts';

/** The stretch of WAL between a base backup's start and its stop. */
export type NeededWal = {
  readonly startLsn: Lsn;
  readonly stopLsn: Lsn;
  readonly timelineId: TimelineId;
  readonly segmentBytes: SegmentBytes;
};

export const timelineHistoryName = (timelineId: TimelineId): string =>
  `${timelineId.toString(16).toUpperCase().padStart(8, '0')}.history`;

/** Every file without which a base backup cannot be brought to a consistent state. */
export const neededWalFiles = (wal: NeededWal): readonly string[] => {
  const last = segmentOfEndLsn(wal.timelineId, wal.stopLsn, wal.segmentBytes);
  const names: string[] = wal.timelineId > 1 ? [timelineHistoryName(wal.timelineId)] : [];
  let segment: Segment = segmentOfLsn(wal.timelineId, wal.startLsn, wal.segmentBytes);
  for (; segment.number <= last.number; segment = nextSegment(segment, wal.segmentBytes)) {
    names.push(segment.name);
  }
  return names;
};
