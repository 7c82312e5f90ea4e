import { maxSegmentBytes, minSegmentBytes, parseTimelineId, type TimelineId } from './segment.ts';

/**
 * A file that PostgreSQL archives. `startOffset` is where in its segment the backup of a backup history file started,
 * in bytes.
 */
export type WalFile =
  | { readonly kind: 'segment'; readonly name: string; readonly timelineId: TimelineId }
  | {
      readonly kind: 'partial';
      readonly name: string;
      readonly segmentName: string;
      readonly timelineId: TimelineId;
    }
  | { readonly kind: 'timeline-history'; readonly name: string; readonly timelineId: TimelineId }
  | {
      readonly kind: 'backup-history';
      readonly name: string;
      readonly segmentName: string;
      readonly timelineId: TimelineId;
      readonly startOffset: number;
    };

const anyName =
  /^[0-9A-F]{24}$|^[0-9A-F]{24}\.partial$|^[0-9A-F]{8}\.history$|^[0-9A-F]{24}\.[0-9A-F]{8}\.backup$/;

// With the smallest segments (1 MiB) the third group of a segment's name reaches 00000FFF, and no further with any other.
const maxInGroup = 2 ** 32 / minSegmentBytes - 1;

/**
 * Reads the name of a WAL file of any kind (IsXLogFileName and its neighbours in src/include/access/xlog_internal.h).
 * `undefined` for everything else, lower-case digits included, and for what no cluster of any segment size can name:
 * timeline 0, a third group above 00000FFF, a backup that starts a gigabyte or more into its segment.
 */
export const parseWalFileName = (name: string): WalFile | undefined => {
  if (!anyName.test(name)) return undefined;
  const timeline = Number.parseInt(name.slice(0, 8), 16);
  if (timeline === 0) return undefined;
  const timelineId = parseTimelineId(timeline);
  if (name.endsWith('.history')) return { kind: 'timeline-history', name, timelineId };

  if (Number.parseInt(name.slice(16, 24), 16) > maxInGroup) return undefined;
  if (name.length === 24) return { kind: 'segment', name, timelineId };

  const segmentName = name.slice(0, 24);
  if (name.endsWith('.partial')) return { kind: 'partial', name, segmentName, timelineId };

  const startOffset = Number.parseInt(name.slice(25, 33), 16);
  if (startOffset >= maxSegmentBytes) return undefined;
  return { kind: 'backup-history', name, segmentName, timelineId, startOffset };
};
