import { isOnPath } from '../recovery/timeline-paths.ts';
import type { Candidate } from './candidates.ts';
import type { BackupRule, RetainedArchive } from './plan.ts';
import type { BackupPlace, RetentionLimits, RetentionPolicy } from './policy.ts';

const dayMs = 86_400_000;

/** A backup that a rule keeps, with everything newer. */
export type Keeper = { readonly candidate: Candidate; readonly rule: BackupRule; readonly text: string };

/** The oldest backup at a place or after it. */
export const candidateAt = (place: BackupPlace, candidates: readonly Candidate[]): Candidate | undefined =>
  place.kind === 'backup'
    ? candidates.find(({ backup }) => backup.name === place.name)
    : candidates.find(({ backup }) => (backup.startedAt?.getTime() ?? 0) >= place.time.getTime());

const newestOf = (
  candidates: readonly Candidate[],
  count: number,
  rule: BackupRule,
  text: string,
): readonly Keeper[] =>
  (count === 0 ? [] : candidates.slice(-count)).map((candidate) => ({ candidate, rule, text }));

const windowKeepers = (
  restorable: readonly Candidate[],
  windowDays: number | undefined,
  now: Date,
): readonly Keeper[] => {
  if (windowDays === undefined) return [];
  const beginMs = now.getTime() - windowDays * dayMs;
  const reaching = restorable.findLast(({ backup }) => (backup.finishedAt?.getTime() ?? 0) <= beginMs);
  // None reaches back that far yet, so the oldest one begins the window.
  const candidate = reaching ?? restorable[0];
  const text = `the window of ${windowDays} days begins with it`;
  return candidate === undefined ? [] : [{ candidate, rule: 'window', text }];
};

/**
 * Backups are deleted by age, but after a failover or a recovery to an earlier time the newest ones may lie on a timeline
 * that was left. The newest timeline of the newest cluster keeps the last backup that it can be recovered from.
 */
const timelineKeepers = (
  { incarnations }: RetainedArchive,
  restorable: readonly Candidate[],
): readonly Keeper[] => {
  const newest = incarnations.at(-1);
  const withWal = newest?.facts.timelines.filter(({ runs }) => runs.length > 0) ?? [];
  const timelineId = Math.max(0, ...withWal.map((timeline) => timeline.timelineId));
  const path = newest?.continuity.paths.find((candidate) => candidate.timelineId === timelineId);
  if (newest === undefined || path === undefined) return [];
  const usable = restorable.filter(
    ({ incarnation, backup }) => incarnation === newest.facts.number && isOnPath(backup, path),
  );
  return newestOf(usable, 1, 'timeline', `timeline ${timelineId} can be recovered from it`);
};

/** What the policy and the limits keep, whatever follows from that; without any, there is nothing that can be restored. */
export const keepersOf = (
  archive: RetainedArchive,
  candidates: readonly Candidate[],
  policy: RetentionPolicy,
  limits: RetentionLimits,
): readonly Keeper[] => {
  const restorable = candidates.filter(({ isRestorable }) => isRestorable);
  const { newest, windowDays, from } = policy;
  const counted = newest?.counted === 'full' ? restorable.filter(({ isFull }) => isFull) : restorable;
  const place = from === undefined ? undefined : candidateAt(from, candidates);
  const { minimumBackups: minimum } = limits;
  return [
    ...newestOf(counted, newest?.count ?? 0, 'newest', `one of the ${newest?.count} newest`),
    ...windowKeepers(restorable, windowDays, limits.now),
    ...(place === undefined ? [] : [{ candidate: place, rule: 'from', text: 'asked for' } as const]),
    ...newestOf(restorable, minimum, 'minimum', `${minimum} at least ${minimum === 1 ? 'is' : 'are'} kept`),
    ...timelineKeepers(archive, restorable),
  ];
};
