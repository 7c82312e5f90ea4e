import type { BackupFacts, IncarnationFacts } from '../recovery/archive-facts.ts';
import type { Continuity } from '../recovery/continuity.ts';
import type { NamedRange } from '../recovery/path-cover.ts';
import type { TimelineId } from '../wal/segment.ts';

/** A base backup without a sentinel: one that runs, or that died. */
export type IncompleteBackup = {
  readonly name: string;
  readonly timelineId: TimelineId;
  /** The segment that it began in, by number in its incarnation's segments. */
  readonly firstSegment: number;
  /** When the newest of its objects was written. */
  readonly lastWrittenAt: Date;
};

/** An archive as retention sees it. */
export type RetainedArchive = {
  /** In the order of time, each with its judgement. */
  readonly incarnations: readonly { readonly facts: IncarnationFacts; readonly continuity: Continuity }[];
  readonly incomplete: readonly IncompleteBackup[];
  /** What keeps the archive from being judged, in words; while there is anything, nothing is deleted. */
  readonly problems: readonly string[];
};

export type BackupRule =
  | 'newest'
  | 'window'
  | 'from'
  | 'minimum'
  | 'timeline'
  | 'newer'
  | 'permanent'
  | 'delta-base'
  | 'not-asked'
  | 'older'
  | 'asked';

export type Verdict = 'keep' | 'expire';

export type BackupVerdict = {
  readonly incarnation: number;
  readonly backup: BackupFacts;
  readonly verdict: Verdict;
  /** Every rule that led to it. */
  readonly reasons: readonly { readonly rule: BackupRule; readonly text: string }[];
};

/** Segments and partial segments of one timeline that share a verdict. */
export type WalVerdict = NamedRange & {
  readonly incarnation: number;
  readonly verdict: Verdict;
  readonly reason: string;
};

export type IncompleteVerdict = { readonly backup: IncompleteBackup; readonly isRunning: boolean };

/** What would be done and why. Timeline history files are in no plan but that for everything: they are always kept. */
export type RetentionPlan =
  | {
      readonly kind: 'plan';
      /** Oldest first. */
      readonly backups: readonly BackupVerdict[];
      readonly incomplete: readonly IncompleteVerdict[];
      readonly wal: readonly WalVerdict[];
    }
  | { readonly kind: 'refused'; readonly reasons: readonly string[] };
