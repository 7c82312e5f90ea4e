import type { Branded } from '../brand.ts';
import { PipelineError } from '../errors.ts';
import { formatLsn, type Lsn, lsnOf } from './lsn.ts';

/** The cluster's wal_segment_size in bytes: a power of two from 1 MiB to 1 GiB, fixed by initdb or pg_resetwal. */
export type SegmentBytes = Branded<number, 'SegmentBytes'>;

/** A timeline's number, 1 .. 2^32-1. */
export type TimelineId = Branded<number, 'TimelineId'>;

/** One WAL segment. `number` is its first LSN divided by the segment size; below 2^44 for every legal size. */
export type Segment = {
  readonly name: string;
  readonly timelineId: TimelineId;
  readonly number: number;
};

export const minSegmentBytes = 2 ** 20;
export const maxSegmentBytes = 2 ** 30;

const segmentName = /^[0-9A-F]{24}$/;

const hex8 = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');

// XLogSegmentsPerXLogId in src/include/access/xlog_internal.h: how far the name's third group counts.
const segmentsPerGroup = (segmentBytes: SegmentBytes): number => 2 ** 32 / segmentBytes;

/** @throws 'value-invalid' unless a power of two from 1 MiB to 1 GiB (IsValidWalSegSize in xlog_internal.h) */
export const parseSegmentBytes = (bytes: number): SegmentBytes => {
  if (!(bytes >= minSegmentBytes && bytes <= maxSegmentBytes && Number.isInteger(Math.log2(bytes)))) {
    throw new PipelineError('value-invalid', {
      message: `${bytes} bytes is no WAL segment size`,
      hint: 'PostgreSQL knows WAL segments of a power of two from 1 MiB to 1 GiB; "SHOW wal_segment_size" tells it.',
    });
  }
  return bytes as SegmentBytes;
};

/** @throws 'value-invalid' unless an integer from 1 to 2^32-1 */
export const parseTimelineId = (id: number): TimelineId => {
  if (!Number.isInteger(id) || id < 1 || id > 0xffff_ffff) {
    throw new PipelineError('value-invalid', { message: `${id} is no timeline: it must be 1 to 4294967295` });
  }
  return id as TimelineId;
};

/**
 * Names a segment (XLogFileName in xlog_internal.h).
 *
 * @throws 'value-invalid' when the number lies beyond the last LSN
 */
export const segmentAt = (
  place: { readonly timelineId: TimelineId; readonly number: number },
  segmentBytes: SegmentBytes,
): Segment => {
  const { timelineId, number } = place;
  if (!Number.isInteger(number) || number < 0 || number >= 2 ** 64 / segmentBytes) {
    throw new PipelineError('value-invalid', {
      message: `${number} is no number of a WAL segment of ${segmentBytes} bytes`,
    });
  }
  const perGroup = segmentsPerGroup(segmentBytes);
  const name = hex8(timelineId) + hex8(Math.floor(number / perGroup)) + hex8(number % perGroup);
  return { name, timelineId, number };
};

/**
 * Reads a segment's name. `undefined` for anything that no cluster with this segment size names a segment: not 24
 * upper-case hexadecimal digits, timeline 0, or a third group that the size does not reach.
 */
export const parseSegmentName = (name: string, segmentBytes: SegmentBytes): Segment | undefined => {
  if (!segmentName.test(name)) return undefined;
  const timeline = Number.parseInt(name.slice(0, 8), 16);
  const group = Number.parseInt(name.slice(8, 16), 16);
  const inGroup = Number.parseInt(name.slice(16), 16);
  const perGroup = segmentsPerGroup(segmentBytes);
  if (timeline === 0 || inGroup >= perGroup) return undefined;
  return { name, timelineId: parseTimelineId(timeline), number: group * perGroup + inGroup };
};

/** The segment that holds the byte at a **start** LSN (XLByteToSeg). */
export const segmentOfLsn = (timelineId: TimelineId, lsn: Lsn, segmentBytes: SegmentBytes): Segment =>
  segmentAt({ timelineId, number: Number(lsn / BigInt(segmentBytes)) }, segmentBytes);

/**
 * The segment that holds the last byte before an **end** LSN (XLByteToPrevSeg): an end on a segment's border belongs to
 * the segment before it.
 *
 * @throws 'value-invalid' for 0/0, before which there is no byte
 */
export const segmentOfEndLsn = (timelineId: TimelineId, lsn: Lsn, segmentBytes: SegmentBytes): Segment => {
  if (lsn === 0n) {
    throw new PipelineError('value-invalid', { message: `${formatLsn(lsn)} cannot be where WAL ends` });
  }
  return segmentOfLsn(timelineId, lsnOf(lsn - 1n), segmentBytes);
};

/** Where a segment begins; its end is the begin of the next one. */
export const segmentStartLsn = (segment: Segment, segmentBytes: SegmentBytes): Lsn =>
  lsnOf(BigInt(segment.number) * BigInt(segmentBytes));

/** The segment after this one on the same timeline. @throws 'value-invalid' after the very last one */
export const nextSegment = (segment: Segment, segmentBytes: SegmentBytes): Segment =>
  segmentAt({ timelineId: segment.timelineId, number: segment.number + 1 }, segmentBytes);

/** How far into its segment an LSN lies, in bytes (XLogSegmentOffset). */
export const offsetInSegment = (lsn: Lsn, segmentBytes: SegmentBytes): number =>
  Number(lsn % BigInt(segmentBytes));
