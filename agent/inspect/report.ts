import type { JsonValue } from '../../lib/core/json.ts';
import type { Gap } from '../../lib/core/recovery/gaps.ts';
import type { NamedRange } from '../../lib/core/recovery/path-cover.ts';
import type { RecoveryWindow } from '../../lib/core/recovery/recovery-windows.ts';
import { formatLsn } from '../../lib/core/wal/lsn.ts';
import { type SegmentBytes, segmentAt } from '../../lib/core/wal/segment.ts';
import { formatTable } from '../host/output.ts';

/** The names of a range's ends. */
export const rangeNames = (
  { timelineId, first, last }: NamedRange,
  segmentBytes: SegmentBytes,
): { readonly first: string; readonly last: string } => ({
  first: segmentAt({ timelineId, number: first }, segmentBytes).name,
  last: segmentAt({ timelineId, number: last }, segmentBytes).name,
});

export const timeText = (time: Date | undefined): string =>
  time === undefined ? '-' : `${time.toISOString().slice(0, 19).replace('T', ' ')}Z`;

/** A JSON object without the fields that are not known. */
export const known = (fields: Readonly<Record<string, JsonValue | undefined>>): JsonValue =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );

export const windowFacts = (window: RecoveryWindow, segmentBytes: SegmentBytes): JsonValue => {
  const { timelineId, number } = window.lastSegment;
  return known({
    timeline: window.timelineId,
    is_default: window.isDefault,
    through_timelines: window.throughTimelines,
    backups: window.backups,
    begin_lsn: formatLsn(window.beginLsn),
    begin_at: window.beginAt?.toISOString(),
    end_lsn: formatLsn(window.endLsn),
    last_segment: segmentAt({ timelineId, number }, segmentBytes).name,
    end_at_most: window.endAtMost?.toISOString(),
    precision: 'by name',
  });
};

export const gapFacts = (gap: Gap, segmentBytes: SegmentBytes): JsonValue => {
  const { first, last } = rangeNames(gap, segmentBytes);
  return known({
    timeline: gap.timelineId,
    first_segment: first,
    last_segment: last,
    segments: gap.last - gap.first + 1,
    severity: gap.severity,
    bridged_by: gap.bridgedBy,
  });
};

export const windowTable = (windows: readonly RecoveryWindow[], segmentBytes: SegmentBytes): string =>
  formatTable(
    [
      { heading: 'timeline', align: 'right' },
      { heading: 'from' },
      { heading: 'from LSN' },
      { heading: 'to (at most, by name)' },
      { heading: 'last segment' },
      { heading: 'first backup' },
      { heading: 'backups', align: 'right' },
    ],
    windows.map((window) => {
      const { timelineId, number } = window.lastSegment;
      return [
        `${window.isDefault ? '' : 'only with target timeline '}${window.timelineId}`,
        timeText(window.beginAt),
        formatLsn(window.beginLsn),
        timeText(window.endAtMost),
        segmentAt({ timelineId, number }, segmentBytes).name,
        window.backups[0],
        String(window.backups.length),
      ];
    }),
  );

/** What a gap means, for a person. */
export const gapText = (gap: Gap, segmentBytes: SegmentBytes): string => {
  const { first, last } = rangeNames(gap, segmentBytes);
  const count = gap.last - gap.first + 1;
  const range =
    count === 1 ? `${first} is missing` : `${count} segments from ${first} to ${last} are missing`;
  switch (gap.severity) {
    case 'severe':
      return `${range}, and no complete backup lies after that`;
    case 'warning':
      return `${range}, bridged by ${gap.bridgedBy}`;
    case 'expected':
      return `${range}, after permanent backups only, which keep no other WAL than their own`;
  }
};
