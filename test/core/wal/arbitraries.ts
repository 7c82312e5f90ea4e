import fc from 'fast-check';
import { type Lsn, lsnOf } from '../../../lib/core/wal/lsn.ts';
import {
  parseSegmentBytes,
  parseTimelineId,
  type SegmentBytes,
  type TimelineId,
} from '../../../lib/core/wal/segment.ts';
import type { TimelineHistory, TimelineSwitch } from '../../../lib/core/wal/timeline-history.ts';

export const MiB = 2 ** 20;

/** Every size that initdb accepts. */
export const legalSegmentBytes: readonly SegmentBytes[] = Array.from({ length: 11 }, (_, power) =>
  parseSegmentBytes(MiB * 2 ** power),
);

export const anySegmentBytes = fc.constantFrom(...legalSegmentBytes);
export const anyTimelineId: fc.Arbitrary<TimelineId> = fc
  .integer({ min: 1, max: 0xffff_ffff })
  .map(parseTimelineId);
export const anyLsn: fc.Arbitrary<Lsn> = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(lsnOf);

/** LSNs on and beside a segment's border, where off-by-one errors live. */
export const lsnNearBorder = (segmentBytes: SegmentBytes): fc.Arbitrary<Lsn> =>
  fc
    .tuple(fc.bigInt({ min: 1n, max: (1n << 64n) / BigInt(segmentBytes) - 1n }), fc.constantFrom(-1n, 0n, 1n))
    .map(([number, step]) => lsnOf(number * BigInt(segmentBytes) + step));

/** Up to five ancestors whose switch points crowd in the first eight segments, often on borders, often equal. */
export const historyWithin = (segmentBytes: SegmentBytes): fc.Arbitrary<TimelineHistory> => {
  const place = fc
    .tuple(fc.integer({ min: 0, max: 8 }), fc.constantFrom(0, 0, 1, segmentBytes / 2, segmentBytes - 1))
    .map(([segment, offset]) => BigInt(segment) * BigInt(segmentBytes) + BigInt(offset));
  return fc
    .tuple(
      fc.array(place, { maxLength: 5 }),
      fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 6, maxLength: 6 }),
    )
    .map(([places, ids]) => {
      const sortedIds = ids.toSorted((a, b) => a - b).map(parseTimelineId);
      const switches = places
        .toSorted((a, b) => Number(a - b))
        .flatMap((switchLsn, index): TimelineSwitch[] =>
          sortedIds
            .slice(index, index + 1)
            .map((parentId) => ({ parentId, switchLsn: lsnOf(switchLsn), reason: 'because' })),
        );
      return { timelineId: sortedIds.at(-1) ?? parseTimelineId(1), switches };
    });
};

/** A thrown PipelineError as assert.throws wants it described. */
export const refusal = (code: string, message: RegExp | string) => ({ name: 'PipelineError', code, message });
