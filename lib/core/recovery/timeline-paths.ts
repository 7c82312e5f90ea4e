import type { Lsn } from '../wal/lsn.ts';
import type { SegmentBytes, TimelineId } from '../wal/segment.ts';
import {
  firstTimeline,
  type TimelineHistory,
  type TimelineSpan,
  timelinePath,
} from '../wal/timeline-history.ts';
import type { BackupFacts, IncarnationFacts, TimelineFacts } from './archive-facts.ts';

/** The segments on a path that bear one timeline's name. `last` is Infinity for the path's own timeline. */
export type NamedSpan = { readonly timelineId: TimelineId; readonly first: number; readonly last: number };

/**
 * Where it is known from which timelines a timeline came: its history file; the file of a descendant, which repeats it;
 * or nowhere, so that it is taken for one without ancestors.
 */
export type PathOrigin = 'file' | 'descendant' | 'nowhere';

/** The way that PostgreSQL goes to reach a timeline, from its oldest ancestor on. */
export type TimelinePath = {
  readonly timelineId: TimelineId;
  readonly origin: PathOrigin;
  readonly history: TimelineHistory;
  readonly lsnSpans: readonly TimelineSpan[];
  /** By segment number without a hole; a timeline that names no segment of its own is not among them. */
  readonly spans: readonly NamedSpan[];
};

const namedSpans = (lsnSpans: readonly TimelineSpan[], segmentBytes: SegmentBytes): readonly NamedSpan[] => {
  const numberOf = (lsn: Lsn): number => Number(lsn / BigInt(segmentBytes));
  return lsnSpans.flatMap(({ timelineId, beginLsn, endLsn }): readonly NamedSpan[] => {
    const first = numberOf(beginLsn);
    // The segment that holds a switch point bears the child's name (timeline-history.ts, segmentsOnPath).
    const last = endLsn === undefined ? Number.POSITIVE_INFINITY : numberOf(endLsn) - 1;
    return last < first ? [] : [{ timelineId, first, last }];
  });
};

const derivedHistory = (
  timelineId: TimelineId,
  timelines: readonly TimelineFacts[],
): TimelineHistory | undefined => {
  for (const { history } of timelines) {
    const index = history?.switches.findIndex(({ parentId }) => parentId === timelineId) ?? -1;
    if (history !== undefined && index >= 0)
      return { timelineId, switches: history.switches.slice(0, index) };
  }
  return undefined;
};

/** The path of every timeline that the archive holds something of, lowest timeline first. */
export const timelinePaths = ({
  timelines,
  backups,
  segmentBytes,
}: Pick<IncarnationFacts, 'timelines' | 'backups' | 'segmentBytes'>): readonly TimelinePath[] => {
  const sorted = timelines.toSorted((one, other) => one.timelineId - other.timelineId);
  const ids = new Set([...sorted, ...backups].map(({ timelineId }) => timelineId));
  return [...ids]
    .sort((one, other) => one - other)
    .map((timelineId) => {
      const own = sorted.find((timeline) => timeline.timelineId === timelineId)?.history;
      const derived = own ?? derivedHistory(timelineId, sorted);
      const history = derived ?? firstTimeline(timelineId);
      const lsnSpans = timelinePath(history);
      return {
        timelineId,
        origin: own !== undefined ? 'file' : derived !== undefined ? 'descendant' : 'nowhere',
        history,
        lsnSpans,
        spans: namedSpans(lsnSpans, segmentBytes),
      };
    });
};

/** Whether PostgreSQL finds the way: timeline 1 needs no history file, every other one does. */
export const isFollowable = ({ timelineId, origin }: TimelinePath): boolean =>
  timelineId === 1 || origin === 'file';

/** Whether a path passes through a backup: the timeline owns the backup's last byte, and was left after it. */
export const isOnPath = (backup: BackupFacts, path: TimelinePath): boolean =>
  backup.timelineId === path.timelineId ||
  path.lsnSpans.some(
    ({ timelineId, beginLsn, endLsn }) =>
      timelineId === backup.timelineId &&
      beginLsn < backup.stopLsn &&
      endLsn !== undefined &&
      endLsn >= backup.stopLsn,
  );

/** The highest point at which another timeline left this one; `undefined` when none did. */
export const lastForkOf = (timelineId: TimelineId, paths: readonly TimelinePath[]): Lsn | undefined =>
  paths
    .flatMap(({ history }) => history.switches)
    .filter(({ parentId }) => parentId === timelineId)
    .reduce<Lsn | undefined>(
      (highest, { switchLsn }) => (highest === undefined || switchLsn > highest ? switchLsn : highest),
      undefined,
    );

/**
 * The timeline that recovery_target_timeline = 'latest' follows from a backup's timeline on: PostgreSQL asks for one
 * history file after the other until one is absent (findNewestTimeLine in src/backend/access/transam/timeline.c).
 */
export const latestTimeline = (from: TimelineId, paths: readonly TimelinePath[]): TimelineId => {
  let newest = from;
  for (const { timelineId, origin } of paths) {
    if (timelineId === newest + 1 && origin === 'file') newest = timelineId;
  }
  return newest;
};
