import { PipelineError } from '../errors.ts';
import { formatLsn, type Lsn, lsnOf, parseLsn } from './lsn.ts';
import { parseTimelineId, type Segment, type SegmentBytes, segmentAt, type TimelineId } from './segment.ts';

/** Where a timeline was left for the next one on the path, and why, in PostgreSQL's words. */
export type TimelineSwitch = {
  readonly parentId: TimelineId;
  /** The first byte that the parent no longer owns. */
  readonly switchLsn: Lsn;
  /** The rest of the line: "before 2026-01-01 00:00:00+00", "no recovery target specified", ... */
  readonly reason: string;
};

/** What a timeline history file says: every ancestor, oldest first. */
export type TimelineHistory = {
  readonly timelineId: TimelineId;
  readonly switches: readonly TimelineSwitch[];
};

/** A timeline's part of the path. `endLsn` is exclusive, and absent for the last one. Begin and end may be equal. */
export type TimelineSpan = {
  readonly timelineId: TimelineId;
  readonly beginLsn: Lsn;
  readonly endLsn: Lsn | undefined;
};

const historyLine =
  /^(?<parent>[0-9]{1,10})\s+(?<position>[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8})(?:\s+(?<reason>.*))?$/;

const historyName = (timelineId: TimelineId): string =>
  `${timelineId.toString(16).toUpperCase().padStart(8, '0')}.history`;

/** The history of a timeline without ancestors: timeline 1, or one that pg_resetwal began. It has no file. */
export const firstTimeline = (timelineId: TimelineId = parseTimelineId(1)): TimelineHistory => ({
  timelineId,
  switches: [],
});

/**
 * Reads a timeline history file as readTimeLineHistory in src/backend/access/transam/timeline.c does: a line for each
 * ancestor with its number, the switch point and a reason, separated by white space; blank lines and `#` comments are
 * passed over. Stricter than PostgreSQL in two things that only a damaged file shows: switch points never go back, and
 * a file without any ancestor is refused (PostgreSQL never writes one, and would take the WAL before it for lost).
 *
 * @throws 'wal-content-invalid' naming the file, the line and what is wrong with it
 */
export const parseTimelineHistory = (timelineId: TimelineId, text: string): TimelineHistory => {
  const refuse = (place: string, problem: string): never => {
    throw new PipelineError('wal-content-invalid', {
      message: `${historyName(timelineId)}${place} ${problem}`,
      hint: 'The file is not as PostgreSQL wrote it; compare it with the copy in pg_wal of the primary or a standby.',
    });
  };

  const switches: TimelineSwitch[] = [];
  for (const [index, rawLine] of text.split('\n').entries()) {
    const line = rawLine.trim();
    if (line === '' || line.startsWith('#')) continue;
    const place = `, line ${index + 1},`;
    const { parent = '', position = '', reason = '' } = historyLine.exec(line)?.groups ?? {};
    const parentNumber = Number(parent);
    if (parentNumber < 1 || parentNumber > 0xffff_ffff) {
      refuse(place, `holds no timeline, LSN and reason: ${JSON.stringify(line.slice(0, 80))}`);
    }
    const parentId = parseTimelineId(parentNumber);
    const switchLsn = parseLsn(position);
    const last = switches.at(-1);
    if (last !== undefined && parentId <= last.parentId) {
      refuse(place, `names timeline ${parentId} after ${last.parentId}, but timelines must increase`);
    }
    if (last !== undefined && switchLsn < last.switchLsn) {
      refuse(place, `goes back from ${formatLsn(last.switchLsn)} to ${formatLsn(switchLsn)}`);
    }
    if (parentId >= timelineId) {
      refuse(place, `names timeline ${parentId}, which cannot be an ancestor of timeline ${timelineId}`);
    }
    switches.push({ parentId, switchLsn, reason });
  }
  if (switches.length === 0) refuse('', 'names no ancestor');
  return { timelineId, switches };
};

/** Writes the file as writeTimeLineHistory in timeline.c does, with a blank line before each line but the first. */
export const formatTimelineHistory = (history: TimelineHistory): string =>
  history.switches
    .map(({ parentId, switchLsn, reason }) => `${parentId}\t${formatLsn(switchLsn)}\t${reason}\n`)
    .join('\n');

/** Who owns which LSNs, oldest timeline first, without a hole from 0/0 on. */
export const timelinePath = (history: TimelineHistory): readonly TimelineSpan[] => {
  const path: TimelineSpan[] = [];
  let beginLsn = lsnOf(0n);
  for (const { parentId, switchLsn } of history.switches) {
    path.push({ timelineId: parentId, beginLsn, endLsn: switchLsn });
    beginLsn = switchLsn;
  }
  path.push({ timelineId: history.timelineId, beginLsn, endLsn: undefined });
  return path;
};

/** The timeline that owns the byte at an LSN (tliOfPointInHistory in timeline.c). A switch point is the child's. */
export const timelineOfLsn = (history: TimelineHistory, lsn: Lsn): TimelineId =>
  history.switches.find(({ switchLsn }) => lsn < switchLsn)?.parentId ?? history.timelineId;

/**
 * The names under which one segment's bytes may lie, newest timeline first, as XLogFileReadAnyTLI in
 * src/backend/access/transam/xlogrecovery.c asks for them. There is more than one only where a switch point lies inside
 * the segment: the child's first segment begins as a copy of the parent's, up to the switch point. An older name than the
 * first is complete only up to its own timeline's switch point.
 */
export const segmentCandidates = (
  history: TimelineHistory,
  segmentNumber: number,
  segmentBytes: SegmentBytes,
): readonly Segment[] => {
  const begin = BigInt(segmentNumber) * BigInt(segmentBytes);
  const end = begin + BigInt(segmentBytes);
  return timelinePath(history)
    .filter(({ beginLsn, endLsn }) => beginLsn < end && (endLsn === undefined || endLsn > begin))
    .map(({ timelineId }) => segmentAt({ timelineId, number: segmentNumber }, segmentBytes))
    .reverse();
};

/**
 * Every segment to fetch in order to replay [startLsn, endLsn), in order. A segment that holds a switch point is named
 * with the newest timeline that begins in it: the first of `segmentCandidates`.
 *
 * @throws 'value-invalid' when the end lies before the start
 */
export const segmentsOnPath = (
  history: TimelineHistory,
  startLsn: Lsn,
  endLsn: Lsn,
  segmentBytes: SegmentBytes,
): Iterable<Segment> => {
  if (endLsn < startLsn) {
    throw new PipelineError('value-invalid', {
      message: `WAL from ${formatLsn(startLsn)} cannot end at ${formatLsn(endLsn)}`,
    });
  }
  return { [Symbol.iterator]: () => walkSegments(timelinePath(history), startLsn, endLsn, segmentBytes) };
};

function* walkSegments(
  path: readonly TimelineSpan[],
  startLsn: Lsn,
  endLsn: Lsn,
  segmentBytes: SegmentBytes,
): Generator<Segment> {
  // Nothing is nothing, even in the middle of a segment.
  if (startLsn === endLsn) return;
  const size = BigInt(segmentBytes);
  let begin = startLsn - (startLsn % size);
  for (const { timelineId, endLsn: spanEnd } of path) {
    // This timeline names every segment that ends at or before the next one's begin.
    while (begin < endLsn && (spanEnd === undefined || begin + size <= spanEnd)) {
      yield segmentAt({ timelineId, number: Number(begin / size) }, segmentBytes);
      begin += size;
    }
  }
}
