/** A place in the order of backups. A time means the oldest backup that began then or later. */
export type BackupPlace =
  | { readonly kind: 'backup'; readonly name: string }
  | { readonly kind: 'time'; readonly time: Date };

/**
 * What a person wants to keep. The rules add up: what one of them keeps is kept, and everything newer than the oldest
 * backup that is kept by rule is kept too, so that the WAL from there on never has a hole.
 */
export type RetentionPolicy = {
  /** The newest ones that can be restored: full ones only, with the deltas that stand on them, or deltas count too. */
  readonly newest?: { readonly count: number; readonly counted: 'full' | 'all' } | undefined;
  /** Recovery must be possible to any time within so many days before now. */
  readonly windowDays?: number | undefined;
  /** This one and every newer one. */
  readonly from?: BackupPlace | undefined;
};

/** What is to be deleted, as somebody asks for it. */
export type RetentionRequest =
  | { readonly kind: 'retain'; readonly policy: RetentionPolicy }
  /** One backup with the deltas that stand on it, and with `withFull` the full one below it and all of its deltas. */
  | { readonly kind: 'target'; readonly name: string; readonly withFull: boolean }
  /** `isForced`: permanent backups, running ones and what cannot be judged too. */
  | { readonly kind: 'everything'; readonly isForced: boolean };

export type RetentionLimits = {
  readonly now: Date;
  /** So many backups that can be restored are always kept, whatever the policy says; 1 or more. */
  readonly minimumBackups: number;
  /**
   * A backup without a sentinel counts as running until nothing was written to it for so long; then its WAL is no longer
   * kept for it. Its own objects are left alone in any case.
   */
  readonly runningHours: number;
};
