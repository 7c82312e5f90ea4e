import type { JsonValue } from '../../lib/core/json.ts';
import { ownSegments } from '../../lib/core/recovery/judged-path.ts';
import { segmentCount } from '../../lib/core/recovery/segment-runs.ts';
import { formatLsn } from '../../lib/core/wal/lsn.ts';
import { formatSystemIdentifier } from '../../lib/core/wal/system-identifier.ts';
import { formatTable } from '../host/output.ts';
import type { Inspection, JudgedIncarnation } from './inspection.ts';
import { known, rangeNames } from './report.ts';

/** One timeline as wal-show tells it. */
type ShownTimeline = {
  readonly incarnation: number;
  readonly system: string | undefined;
  readonly timeline: number;
  readonly parent: { readonly timeline: number; readonly switchLsn: string } | undefined;
  readonly segments: number;
  readonly ranges: readonly { readonly first: string; readonly last: string }[];
  readonly holes: number;
  readonly partials: number;
  readonly backups: readonly string[];
};

const shownTimelines = ({ facts, continuity }: JudgedIncarnation): readonly ShownTimeline[] =>
  facts.timelines
    .toSorted((one, other) => one.timelineId - other.timelineId)
    .map(({ timelineId, runs, partials }) => {
      const path = continuity.paths.find((candidate) => candidate.timelineId === timelineId);
      const parent = path?.history.switches.at(-1);
      return {
        incarnation: facts.number,
        system:
          facts.systemIdentifier === undefined ? undefined : formatSystemIdentifier(facts.systemIdentifier),
        timeline: timelineId,
        parent:
          parent === undefined
            ? undefined
            : { timeline: parent.parentId, switchLsn: formatLsn(parent.switchLsn) },
        segments: segmentCount(runs),
        ranges: runs.map((run) => rangeNames({ timelineId, ...run }, facts.segmentBytes)),
        holes: runs.reduce(
          (sum, { first }, index) => sum + (index === 0 ? 0 : first - (runs[index - 1]?.last ?? first) - 1),
          0,
        ),
        partials: partials.length,
        backups: facts.backups
          .filter((backup) => backup.timelineId === timelineId)
          .toSorted(
            (one, other) =>
              ownSegments(one, facts.segmentBytes).first - ownSegments(other, facts.segmentBytes).first,
          )
          .map(({ name }) => name),
      };
    });

export const walFacts = ({ incarnations }: Inspection): JsonValue =>
  incarnations.flatMap(shownTimelines).map((shown) =>
    known({
      incarnation: shown.incarnation,
      system_identifier: shown.system,
      id: shown.timeline,
      parent_id: shown.parent?.timeline,
      switch_point_lsn: shown.parent?.switchLsn,
      start_segment: shown.ranges[0]?.first,
      end_segment: shown.ranges.at(-1)?.last,
      segments_count: shown.segments,
      missing_segments_count: shown.holes,
      segment_ranges: shown.ranges.map(({ first, last }) => ({ start: first, end: last })),
      partial_segments_count: shown.partials,
      backups: shown.backups,
      status: shown.holes === 0 ? 'OK' : 'LOST_SEGMENTS',
    }),
  );

/** A line for each range, so that the holes are what lies between the lines. */
export const walTable = ({ incarnations }: Inspection): string =>
  formatTable(
    [
      { heading: 'incarnation', align: 'right' },
      { heading: 'timeline', align: 'right' },
      { heading: 'parent' },
      { heading: 'first segment' },
      { heading: 'last segment' },
      { heading: 'segments', align: 'right' },
      { heading: 'holes', align: 'right' },
      { heading: 'backups', align: 'right' },
    ],
    incarnations.flatMap(shownTimelines).flatMap((shown) => {
      const { parent } = shown;
      const ranges = shown.ranges.length === 0 ? [{ first: '-', last: '-' }] : shown.ranges;
      return ranges.map(({ first, last }, index) =>
        index > 0
          ? ['', '', '', first, last]
          : [
              String(shown.incarnation),
              String(shown.timeline),
              parent === undefined ? '-' : `${parent.timeline} at ${parent.switchLsn}`,
              first,
              last,
              String(shown.segments),
              String(shown.holes),
              String(shown.backups.length),
            ],
      );
    }),
  );
