import type { Lsn } from '../wal/lsn.ts';
import type { SegmentBytes, TimelineId } from '../wal/segment.ts';
import type { SystemIdentifier } from '../wal/system-identifier.ts';
import type { TimelineHistory } from '../wal/timeline-history.ts';
import type { SegmentRun } from './segment-runs.ts';

/** What an archive holds of one timeline. */
export type TimelineFacts = {
  readonly timelineId: TimelineId;
  /** Sorted, apart from each other. */
  readonly runs: readonly SegmentRun[];
  /** What the timeline's history file says; `undefined` when it is not there. Timeline 1 never has one. */
  readonly history?: TimelineHistory | undefined;
  /** Partial segments by number. They never cover anything: PostgreSQL does not ask for them. */
  readonly partials: readonly number[];
};

/** A base backup whose sentinel is there, as far as its WAL is concerned. */
export type BackupFacts = {
  readonly name: string;
  /** The timeline that the backup started and ended on. */
  readonly timelineId: TimelineId;
  readonly startLsn: Lsn;
  /** Past the last byte of WAL that makes it consistent. Above the start. */
  readonly stopLsn: Lsn;
  readonly startedAt?: Date | undefined;
  readonly finishedAt?: Date | undefined;
  readonly isPermanent: boolean;
  /** The backup that this one is a delta of. */
  readonly deltaFrom?: string | undefined;
};

/**
 * One cluster's part of an archive. After pg_upgrade the same archive goes on as another incarnation, with another
 * system identifier and on timeline 1 again, so that names of files no longer tell which came first.
 */
export type IncarnationFacts = {
  /** Counted from 1 in the order of time. */
  readonly number: number;
  readonly systemIdentifier: SystemIdentifier | undefined;
  readonly segmentBytes: SegmentBytes;
  readonly timelines: readonly TimelineFacts[];
  readonly backups: readonly BackupFacts[];
};
