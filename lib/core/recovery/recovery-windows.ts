import { type Lsn, lsnOf } from '../wal/lsn.ts';
import type { SegmentBytes, TimelineId } from '../wal/segment.ts';
import type { BackupOnPath, JudgedPath } from './judged-path.ts';
import type { Stretch } from './path-cover.ts';
import { isFollowable, latestTimeline } from './timeline-paths.ts';

/** From when to when a cluster can be recovered along one timeline's path, as the names of what is there tell it. */
export type RecoveryWindow = {
  /** The timeline to follow (recovery_target_timeline). */
  readonly timelineId: TimelineId;
  /** The timelines on the way to it that name a segment of the window, oldest first. */
  readonly throughTimelines: readonly TimelineId[];
  /** Complete backups in the window by where they start; recovery begins with the last one before its target. */
  readonly backups: readonly [string, ...(readonly string[])];
  /** The stop of the first backup: nothing before it can be recovered. */
  readonly beginLsn: Lsn;
  /** When the first backup ended; `undefined` when it does not say. */
  readonly beginAt: Date | undefined;
  /** The end of the last segment without a hole before it. */
  readonly endLsn: Lsn;
  readonly lastSegment: { readonly timelineId: TimelineId; readonly number: number };
  /** Not later than this: when the store got the last segment. An upper estimate by name; commit times are inside. */
  readonly endAtMost: Date | undefined;
  /** Whether recovery_target_timeline = 'latest' leads here from the first backup. */
  readonly isDefault: boolean;
};

const lastLsn = (1n << 64n) - 1n;

/** The very last segment ends where no LSN is any more. */
const endOf = ({ last }: Stretch, segmentBytes: SegmentBytes): Lsn => {
  const end = (BigInt(last) + 1n) * BigInt(segmentBytes);
  return lsnOf(end > lastLsn ? lastLsn : end);
};

const windowOf = (
  judged: JudgedPath,
  stretch: Stretch,
  [first, ...others]: readonly [BackupOnPath, ...(readonly BackupOnPath[])],
  context: { readonly segmentBytes: SegmentBytes; readonly defaultTimeline: TimelineId },
): RecoveryWindow => ({
  timelineId: judged.path.timelineId,
  throughTimelines: judged.path.spans
    .filter((span) => span.first <= stretch.last && span.last >= first.segments.first)
    .map(({ timelineId }) => timelineId),
  backups: [first.backup.name, ...others.map(({ backup }) => backup.name)],
  beginLsn: first.backup.stopLsn,
  beginAt: first.backup.finishedAt,
  endLsn: endOf(stretch, context.segmentBytes),
  lastSegment: { timelineId: stretch.lastTimelineId, number: stretch.last },
  endAtMost: stretch.lastStoredAt,
  isDefault: context.defaultTimeline === judged.path.timelineId,
});

const windowsOnPath = (
  judged: JudgedPath,
  paths: readonly JudgedPath[],
  segmentBytes: SegmentBytes,
): readonly RecoveryWindow[] =>
  judged.stretches.flatMap((stretch): readonly RecoveryWindow[] => {
    const [first, ...others] = judged.backups.filter(
      ({ segments, isComplete }) =>
        isComplete && segments.first >= stretch.first && segments.last <= stretch.last,
    );
    if (first === undefined) return [];
    const defaultTimeline = latestTimeline(
      first.backup.timelineId,
      paths.map(({ path }) => path),
    );
    return [windowOf(judged, stretch, [first, ...others], { segmentBytes, defaultTimeline })];
  });

const reachesAsFar = (
  window: RecoveryWindow,
  other: RecoveryWindow,
  paths: readonly JudgedPath[],
): boolean => {
  const { timelineId, number } = window.lastSegment;
  const isOnItsWay = paths.some(
    ({ path }) =>
      path.timelineId === other.timelineId &&
      path.spans.some(
        (span) => span.timelineId === timelineId && span.first <= number && span.last >= number,
      ),
  );
  return (
    isOnItsWay &&
    other.lastSegment.number >= number &&
    window.backups.every((name) => other.backups.includes(name))
  );
};

/**
 * Every window that reaches somewhere that no other one does, the default ones always, the furthest reach first. A
 * timeline that was left shares its WAL up to there with the child, whose window then says it all.
 */
export const recoveryWindows = (
  paths: readonly JudgedPath[],
  segmentBytes: SegmentBytes,
): readonly RecoveryWindow[] => {
  const candidates = paths
    .filter(({ path }) => isFollowable(path))
    .flatMap((path) => windowsOnPath(path, paths, segmentBytes))
    .sort(
      (one, other) =>
        other.lastSegment.number - one.lastSegment.number ||
        Number(other.isDefault) - Number(one.isDefault) ||
        one.timelineId - other.timelineId,
    );
  const kept: RecoveryWindow[] = [];
  for (const window of candidates) {
    const rivals = kept.filter(({ backups }) => backups.includes(window.backups[0]));
    if (window.isDefault || !rivals.some((rival) => reachesAsFar(window, rival, paths))) kept.push(window);
  }
  return kept;
};
