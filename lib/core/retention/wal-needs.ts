import type { BackupFacts, IncarnationFacts } from '../recovery/archive-facts.ts';
import type { Continuity } from '../recovery/continuity.ts';
import { ownSegments } from '../recovery/judged-path.ts';
import { type SegmentRange, subtractRanges } from '../recovery/segment-runs.ts';
import { isOnPath, type TimelinePath } from '../recovery/timeline-paths.ts';
import type { TimelineId } from '../wal/segment.ts';
import type { IncompleteBackup, WalVerdict } from './plan.ts';

/** Who needs WAL of one incarnation. */
export type WalUsers = {
  /** Kept with all WAL from their start on. */
  readonly rolling: readonly BackupFacts[];
  /** Kept with their own WAL only. */
  readonly standalone: readonly BackupFacts[];
  readonly running: readonly IncompleteBackup[];
  /** The incarnation that the archive goes on with. */
  readonly isNewest: boolean;
};

type Need = SegmentRange & { readonly reason: string };

const needsOn = (
  timelineId: TimelineId,
  paths: readonly TimelinePath[],
  isUsed: (path: TimelinePath) => boolean,
  range: SegmentRange,
  reason: string,
): readonly Need[] =>
  paths
    .filter(isUsed)
    .flatMap(({ spans }) => spans.filter((span) => span.timelineId === timelineId))
    .map((span) => ({
      first: Math.max(span.first, range.first),
      last: Math.min(span.last, range.last),
      reason,
    }))
    .filter(({ first, last }) => first <= last);

const wholeTimeline = (reason: string): readonly Need[] => [
  { first: 0, last: Number.POSITIVE_INFINITY, reason },
];

/** Rules for timelines that no kept backup reaches: what may still be going on, or is not understood, stays. */
const needsOfUnreached = (
  timelineId: TimelineId,
  { paths }: Continuity,
  { rolling, isNewest }: WalUsers,
): readonly Need[] => {
  const path = paths.find((candidate) => candidate.timelineId === timelineId);
  if (timelineId !== 1 && path?.origin === 'nowhere') {
    return wholeTimeline('nothing tells where the timeline came from');
  }
  const highest = Math.max(0, ...rolling.map((backup) => backup.timelineId));
  return isNewest && timelineId > highest ? wholeTimeline('no backup was taken since it began') : [];
};

const needsOf = (
  timelineId: TimelineId,
  facts: IncarnationFacts,
  continuity: Continuity,
  users: WalUsers,
): readonly Need[] => {
  const { paths } = continuity;
  const own = (backup: BackupFacts) => ownSegments(backup, facts.segmentBytes);
  const onwards = (first: number): SegmentRange => ({ first, last: Number.POSITIVE_INFINITY });
  const needs = [
    ...users.rolling
      .toSorted((one, other) => own(one).first - own(other).first)
      .flatMap((backup) =>
        needsOn(
          timelineId,
          paths,
          (path) => isOnPath(backup, path),
          onwards(own(backup).first),
          `needed by ${backup.name} from its start`,
        ),
      ),
    ...users.running.flatMap((backup) =>
      needsOn(
        timelineId,
        paths,
        (path) => path.spans.some((span) => span.timelineId === backup.timelineId),
        onwards(backup.firstSegment),
        `needed by ${backup.name}, which may be running`,
      ),
    ),
  ];
  return [
    ...(needs.length === 0 ? needsOfUnreached(timelineId, continuity, users) : needs),
    ...users.standalone.flatMap((backup) =>
      needsOn(
        timelineId,
        paths,
        (path) => isOnPath(backup, path),
        own(backup),
        `needed by ${backup.name}, from its start to its stop only`,
      ),
    ),
  ];
};

const splitByNeeds = (
  held: SegmentRange,
  needs: readonly Need[],
): readonly Pick<WalVerdict, 'first' | 'last' | 'verdict' | 'reason'>[] => {
  const kept = needs.flatMap((need, index) => {
    const first = Math.max(need.first, held.first);
    const last = Math.min(need.last, held.last);
    const parts = first > last ? [] : subtractRanges({ first, last }, needs.slice(0, index));
    return parts.map((part) => ({ ...part, verdict: 'keep', reason: need.reason }) as const);
  });
  const expired = subtractRanges(held, needs).map(
    (part) => ({ ...part, verdict: 'expire', reason: 'no kept backup needs it' }) as const,
  );
  return [...kept, ...expired].sort((one, other) => one.first - other.first);
};

/** What of an incarnation's WAL is kept and for whom, and what nobody needs. */
export const walVerdicts = (
  facts: IncarnationFacts,
  continuity: Continuity,
  users: WalUsers,
): readonly WalVerdict[] =>
  facts.timelines.flatMap(({ timelineId, runs, partials }) => {
    const needs = needsOf(timelineId, facts, continuity, users);
    const lonePartials = partials
      .filter((number) => !runs.some(({ first, last }) => first <= number && number <= last))
      .map((number) => ({ first: number, last: number }));
    return [...runs, ...lonePartials].flatMap((held) =>
      splitByNeeds(held, needs).map((part) => ({ ...part, incarnation: facts.number, timelineId })),
    );
  });
