import type { TimelineId } from '../wal/segment.ts';
import type { TimelineFacts } from './archive-facts.ts';
import { type SegmentRange, type SegmentRun, subtractRanges } from './segment-runs.ts';
import type { NamedSpan, TimelinePath } from './timeline-paths.ts';

/** Segments without a hole along a path, whichever timelines name them. */
export type Stretch = SegmentRange & {
  /** Whose name the last one bears. */
  readonly lastTimelineId: TimelineId;
  readonly lastStoredAt: Date | undefined;
};

/** Segments under one timeline's name. */
export type NamedRange = SegmentRange & { readonly timelineId: TimelineId };

const within = (run: SegmentRun, span: NamedSpan): SegmentRun | undefined => {
  const first = Math.max(run.first, span.first);
  const last = Math.min(run.last, span.last);
  return first > last ? undefined : { first, last, lastStoredAt: run.lastStoredAt };
};

/** What is there along a path, in order, joined across the timelines' borders. */
export const stretchesOf = (
  { spans }: TimelinePath,
  timelines: readonly TimelineFacts[],
): readonly Stretch[] => {
  const stretches: Stretch[] = [];
  for (const span of spans) {
    const runs = timelines.find(({ timelineId }) => timelineId === span.timelineId)?.runs ?? [];
    for (const run of runs) {
      const part = within(run, span);
      if (part === undefined) continue;
      const before = stretches.at(-1);
      const isJoined = before !== undefined && before.last + 1 === part.first;
      if (isJoined) stretches.pop();
      stretches.push({
        first: isJoined ? before.first : part.first,
        last: part.last,
        lastTimelineId: span.timelineId,
        lastStoredAt: part.lastStoredAt,
      });
    }
  }
  return stretches;
};

/** What of a range along a path is not there, under the names that it should have. */
export const missingOf = (
  range: SegmentRange,
  { spans }: TimelinePath,
  stretches: readonly Stretch[],
): readonly NamedRange[] =>
  subtractRanges(range, stretches).flatMap((hole) =>
    spans.flatMap((span): readonly NamedRange[] => {
      const part = within(hole, span);
      return part === undefined ? [] : [{ timelineId: span.timelineId, first: part.first, last: part.last }];
    }),
  );
