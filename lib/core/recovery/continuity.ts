import type { Lsn } from '../wal/lsn.ts';
import type { TimelineId } from '../wal/segment.ts';
import type { BackupFacts, IncarnationFacts } from './archive-facts.ts';
import { type Gap, gapsOf } from './gaps.ts';
import { type JudgedPath, judgePath, ownSegments } from './judged-path.ts';
import { missingOf, type NamedRange } from './path-cover.ts';
import { type RecoveryWindow, recoveryWindows } from './recovery-windows.ts';
import type { SegmentRange } from './segment-runs.ts';
import { isFollowable, latestTimeline, type TimelinePath, timelinePaths } from './timeline-paths.ts';

/**
 * Whether a backup's own WAL, from its start to its stop, is there:
 *
 * - 'complete': yes, along its own timeline or along one that left it after the backup's stop.
 * - 'waiting': all that is missing lies after the newest segment that is there, so it may still come.
 * - 'missing': no, and newer segments are there, or the history file is missing that recovery begins with.
 */
export type BackupWal = {
  readonly backup: BackupFacts;
  readonly segments: SegmentRange;
  readonly state: 'complete' | 'waiting' | 'missing';
  /** Along the backup's own timeline; empty when complete. */
  readonly missing: readonly NamedRange[];
  /** A backup on a timeline above 1 needs the timeline's history file. */
  readonly isHistoryMissing: boolean;
};

/** WAL of a timeline past the point where the last child left it, without a backup of its own there: legal, and of no use to any child. */
export type OrphanWal = NamedRange & { readonly forkLsn: Lsn };

/** A timeline above 1 without its history file. `isDerived`: a descendant's file still tells where it came from. */
export type MissingHistory = { readonly timelineId: TimelineId; readonly isDerived: boolean };

/** What an archive's facts say of one incarnation. */
export type Continuity = {
  /** In the order of time (see compareBackups). */
  readonly backups: readonly BackupWal[];
  /** From the latest reach to the earliest. */
  readonly windows: readonly RecoveryWindow[];
  readonly gaps: readonly Gap[];
  readonly orphans: readonly OrphanWal[];
  readonly missingHistories: readonly MissingHistory[];
  /** Timelines above 1 of which nothing tells where they came from. */
  readonly timelinesWithoutParent: readonly TimelineId[];
  /** Where 'latest' leads from the newest complete backup; without one, from the lowest timeline. */
  readonly latestTimelineId: TimelineId | undefined;
  readonly paths: readonly TimelinePath[];
};

/** In the order of time: by start time, then by start LSN. Backups that say no time are WAL-E's, older than any that do. */
export const compareBackups = (
  one: Pick<BackupFacts, 'startedAt' | 'startLsn'>,
  other: Pick<BackupFacts, 'startedAt' | 'startLsn'>,
): number => {
  const [time, otherTime] = [one.startedAt?.getTime() ?? 0, other.startedAt?.getTime() ?? 0];
  return time - otherTime || (one.startLsn < other.startLsn ? -1 : one.startLsn > other.startLsn ? 1 : 0);
};

const judgeBackup = (
  backup: BackupFacts,
  facts: IncarnationFacts,
  judged: readonly JudgedPath[],
): BackupWal => {
  const segments = ownSegments(backup, facts.segmentBytes);
  const isComplete = judged.some(({ backups }) =>
    backups.some((candidate) => candidate.backup === backup && candidate.isComplete),
  );
  if (isComplete) return { backup, segments, state: 'complete', missing: [], isHistoryMissing: false };
  const own = judged.filter(({ path }) => path.timelineId === backup.timelineId);
  const missing = own.flatMap(({ path, stretches }) => missingOf(segments, path, stretches));
  const isHistoryMissing = own.some(({ path }) => !isFollowable(path));
  const newest = Math.max(-1, ...own.flatMap(({ stretches }) => stretches.slice(-1).map(({ last }) => last)));
  const isStillToCome = missing.every(({ first }) => first > newest);
  return {
    backup,
    segments,
    state: isStillToCome && !isHistoryMissing ? 'waiting' : 'missing',
    missing,
    isHistoryMissing,
  };
};

const orphansOf = (judged: readonly JudgedPath[], facts: IncarnationFacts): readonly OrphanWal[] =>
  judged.flatMap(({ path: { timelineId }, orphanedAt }) => {
    if (orphanedAt === undefined) return [];
    const firstOrphan = Number(orphanedAt / BigInt(facts.segmentBytes));
    return facts.timelines
      .filter((timeline) => timeline.timelineId === timelineId)
      .flatMap(({ runs }) => runs)
      .filter(({ last }) => last >= firstOrphan)
      .map(({ first, last }) => ({
        timelineId,
        first: Math.max(first, firstOrphan),
        last,
        forkLsn: orphanedAt,
      }));
  });

/**
 * Judges one incarnation of an archive by the names of what is there: content is not looked at. Cost grows with runs,
 * timelines and backups, not with segments.
 *
 * The rules. PostgreSQL replays along the path of one timeline through its ancestors; a segment that holds a switch point
 * is asked for under the child's name (src/backend/access/transam/xlogrecovery.c, XLogFileReadAnyTLI). A partial segment
 * covers nothing. A backup is worth something only with all WAL from its start to its stop.
 */
export const judgeContinuity = (facts: IncarnationFacts): Continuity => {
  const paths = timelinePaths(facts);
  const judged = paths.map((path) => judgePath(path, facts, paths));
  const backups = facts.backups.toSorted(compareBackups).map((backup) => judgeBackup(backup, facts, judged));
  const newest = backups.findLast(({ state }) => state === 'complete')?.backup.timelineId;
  const from = newest ?? paths[0]?.timelineId;
  return {
    backups,
    windows: recoveryWindows(judged, facts.segmentBytes),
    gaps: gapsOf(judged),
    orphans: orphansOf(judged, facts),
    missingHistories: paths
      .filter((path) => !isFollowable(path))
      .map(({ timelineId, origin }) => ({ timelineId, isDerived: origin === 'descendant' })),
    timelinesWithoutParent: paths
      .filter(({ timelineId, origin }) => timelineId !== 1 && origin === 'nowhere')
      .map(({ timelineId }) => timelineId),
    latestTimelineId: from === undefined ? undefined : latestTimeline(from, paths),
    paths,
  };
};
