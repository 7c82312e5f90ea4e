import type { Lsn } from '../wal/lsn.ts';
import type { BackupFacts, IncarnationFacts } from './archive-facts.ts';
import { type Stretch, stretchesOf } from './path-cover.ts';
import type { SegmentRange } from './segment-runs.ts';
import { isFollowable, isOnPath, lastForkOf, type TimelinePath } from './timeline-paths.ts';

/** A path with what is there along it. */
export type JudgedPath = {
  readonly path: TimelinePath;
  readonly stretches: readonly Stretch[];
  /** Those that the path passes through, by where they start. */
  readonly backups: readonly BackupOnPath[];
  /** Where the last child left a timeline that has no backup of its own past that point; `undefined` for a live one. */
  readonly orphanedAt: Lsn | undefined;
};

export type BackupOnPath = {
  readonly backup: BackupFacts;
  readonly segments: SegmentRange;
  /** All its WAL is there under the names that this path asks for. */
  readonly isComplete: boolean;
};

/** The segments that hold a backup's own WAL, by number. */
export const ownSegments = (backup: BackupFacts, segmentBytes: number): SegmentRange => ({
  first: Number(backup.startLsn / BigInt(segmentBytes)),
  last: Number((backup.stopLsn - 1n) / BigInt(segmentBytes)),
});

/** Lays what is there along a path, and the backups that it passes through. */
export const judgePath = (
  path: TimelinePath,
  facts: IncarnationFacts,
  paths: readonly TimelinePath[],
): JudgedPath => {
  const stretches = stretchesOf(path, facts.timelines);
  const backups = facts.backups
    .filter((backup) => isOnPath(backup, path))
    .map((backup): BackupOnPath => {
      const segments = ownSegments(backup, facts.segmentBytes);
      const isCovered = stretches.some(({ first, last }) => first <= segments.first && last >= segments.last);
      return { backup, segments, isComplete: isCovered && isFollowable(path) };
    })
    .sort((one, other) => one.segments.first - other.segments.first);
  const forkLsn = lastForkOf(path.timelineId, paths);
  const goesOn = backups.some(
    ({ backup }) =>
      backup.timelineId === path.timelineId && forkLsn !== undefined && backup.stopLsn > forkLsn,
  );
  return { path, stretches, backups, orphanedAt: goesOn ? undefined : forkLsn };
};
