import { type Candidate, candidatesOf } from './candidates.ts';
import { candidateAt, type Keeper, keepersOf } from './keepers.ts';
import type { BackupVerdict, IncompleteVerdict, RetainedArchive, RetentionPlan, WalVerdict } from './plan.ts';
import type { RetentionLimits, RetentionPolicy, RetentionRequest } from './policy.ts';
import { walVerdicts } from './wal-needs.ts';

const hourMs = 3_600_000;
const unrestorable = 'nothing can be restored as it is';

const refused = (...reasons: readonly string[]): RetentionPlan => ({ kind: 'refused', reasons });

/**
 * Decides what to keep and what to delete, and why, without deleting anything. Nothing that a kept backup needs is ever
 * expired: not its base, not its WAL. What cannot be judged is a reason to refuse.
 */
export const planRetention = (
  archive: RetainedArchive,
  request: RetentionRequest,
  limits: RetentionLimits,
): RetentionPlan => {
  const isForced = request.kind === 'everything' && request.isForced;
  if (archive.problems.length > 0 && !isForced) return refused(...archive.problems);
  const candidates = candidatesOf(archive);
  const incomplete = archive.incomplete.map(
    (backup): IncompleteVerdict => ({
      backup,
      isRunning: limits.now.getTime() - backup.lastWrittenAt.getTime() < limits.runningHours * hourMs,
    }),
  );
  const context = { archive, candidates, incomplete, limits };
  switch (request.kind) {
    case 'retain':
      return planRetain(context, request.policy);
    case 'target':
      return planTarget(context, request);
    case 'everything':
      return planEverything(context, isForced);
  }
};

type Context = {
  readonly archive: RetainedArchive;
  readonly candidates: readonly Candidate[];
  readonly incomplete: readonly IncompleteVerdict[];
  readonly limits: RetentionLimits;
};

const planRetain = (context: Context, policy: RetentionPolicy): RetentionPlan => {
  const { archive, candidates, limits } = context;
  if (policy.from !== undefined && candidateAt(policy.from, candidates) === undefined) {
    return refused(
      policy.from.kind === 'backup'
        ? `there is no complete base backup ${policy.from.name}`
        : `no complete base backup began at ${policy.from.time.toISOString()} or later`,
    );
  }
  const keepers = keepersOf(archive, candidates, policy, limits);
  // As long as nothing can be restored, nobody knows what will be good for something yet.
  const cut = candidates.some(({ isRestorable }) => isRestorable) ? cutOf(candidates, keepers) : 0;
  const verdicts = candidates.map((candidate, index) => verdictOf(candidate, index, cut, context, keepers));
  return {
    kind: 'plan',
    backups: verdicts,
    incomplete: context.incomplete,
    wal: walOf(context, verdicts, cut),
  };
};

/** The oldest backup from which on everything is kept: never a delta without the full one below it. */
const cutOf = (candidates: readonly Candidate[], keepers: readonly Keeper[]): number => {
  const indexes = keepers.flatMap(({ candidate: { backup, bases } }) =>
    candidates.flatMap((other, index) =>
      other.backup === backup || bases.includes(other.backup) ? [index] : [],
    ),
  );
  return Math.min(...indexes);
};

const verdictOf = (
  { backup, incarnation }: Candidate,
  index: number,
  cut: number,
  { candidates }: Context,
  keepers: readonly Keeper[],
): BackupVerdict => {
  const standing = candidates.filter(
    (other, otherIndex) => other.bases.includes(backup) && (otherIndex >= cut || other.backup.isPermanent),
  );
  const reasons = [
    ...keepers.flatMap(({ candidate, rule, text }) => (candidate.backup === backup ? [{ rule, text }] : [])),
    ...(backup.isPermanent ? [{ rule: 'permanent', text: 'permanent' } as const] : []),
    ...standing.map((other) => ({ rule: 'delta-base', text: `${other.backup.name} stands on it` }) as const),
  ];
  if (reasons.length > 0) return { incarnation, backup, verdict: 'keep', reasons };
  if (index >= cut) {
    const text = candidates.some(({ isRestorable }) => isRestorable)
      ? 'newer than one that is kept'
      : unrestorable;
    return { incarnation, backup, verdict: 'keep', reasons: [{ rule: 'newer', text }] };
  }
  const oldest = candidates[cut]?.backup.name;
  return {
    incarnation,
    backup,
    verdict: 'expire',
    reasons: [{ rule: 'older', text: `older than ${oldest}` }],
  };
};

const walOf = (
  { archive, candidates, incomplete }: Context,
  verdicts: readonly BackupVerdict[],
  cut: number,
): readonly WalVerdict[] => {
  const hasRestorable = candidates.some(({ isRestorable }) => isRestorable);
  if (!hasRestorable) return keepAllWal(archive, unrestorable);
  return archive.incarnations.flatMap(({ facts, continuity }, index) => {
    const kept = verdicts.filter(
      ({ incarnation, verdict }) => incarnation === facts.number && verdict === 'keep',
    );
    const isRolling = ({ backup }: BackupVerdict): boolean =>
      candidates.findIndex((candidate) => candidate.backup === backup) >= cut;
    return walVerdicts(facts, continuity, {
      rolling: kept.filter(isRolling).map(({ backup }) => backup),
      standalone: kept.filter((verdict) => !isRolling(verdict)).map(({ backup }) => backup),
      running: incomplete.filter(({ isRunning }) => isRunning).map(({ backup }) => backup),
      isNewest: index === archive.incarnations.length - 1,
    });
  });
};

const allWal = (
  { incarnations }: RetainedArchive,
  verdict: WalVerdict['verdict'],
  reason: string,
): readonly WalVerdict[] =>
  incarnations.flatMap(({ facts }) =>
    facts.timelines.flatMap(({ timelineId, runs, partials }) =>
      [...runs, ...partials.map((number) => ({ first: number, last: number }))].map(({ first, last }) => ({
        incarnation: facts.number,
        timelineId,
        first,
        last,
        verdict,
        reason,
      })),
    ),
  );

const keepAllWal = (archive: RetainedArchive, reason: string): readonly WalVerdict[] =>
  allWal(archive, 'keep', reason);

const planTarget = (
  { archive, candidates, incomplete, limits }: Context,
  { name, withFull }: Extract<RetentionRequest, { kind: 'target' }>,
): RetentionPlan => {
  const named = candidates.find(({ backup }) => backup.name === name);
  if (named === undefined) return refused(`there is no complete base backup ${name}`);
  const target = withFull ? (named.bases.at(-1) ?? named.backup) : named.backup;
  const isDoomed = ({ backup, bases }: Candidate): boolean => backup === target || bases.includes(target);
  const doomed = candidates.filter(isDoomed);
  const permanent = doomed.filter(({ backup }) => backup.isPermanent);
  if (permanent.length > 0) {
    return refused(...permanent.map(({ backup }) => `${backup.name} is permanent`));
  }
  const left = candidates.filter((candidate) => candidate.isRestorable && !isDoomed(candidate)).length;
  if (left < limits.minimumBackups) {
    return refused(
      `without ${doomed.map(({ backup }) => backup.name).join(', ')} only ${left} of the at least ` +
        `${limits.minimumBackups} backups that can be restored would be left`,
    );
  }
  const verdicts = candidates.map((candidate): BackupVerdict => {
    const { incarnation, backup } = candidate;
    if (!isDoomed(candidate)) {
      return {
        incarnation,
        backup,
        verdict: 'keep',
        reasons: [{ rule: 'not-asked', text: 'not asked for' }],
      };
    }
    const text = backup === target ? 'asked for' : `stands on ${target.name}`;
    return { incarnation, backup, verdict: 'expire', reasons: [{ rule: 'asked', text }] };
  });
  return {
    kind: 'plan',
    backups: verdicts,
    incomplete,
    wal: keepAllWal(archive, 'deleting one backup deletes no WAL'),
  };
};

const planEverything = ({ archive, candidates, incomplete }: Context, isForced: boolean): RetentionPlan => {
  const obstacles = [
    ...candidates.flatMap(({ backup }) => (backup.isPermanent ? [`${backup.name} is permanent`] : [])),
    ...incomplete.flatMap(({ backup, isRunning }) => (isRunning ? [`${backup.name} may be running`] : [])),
  ];
  if (obstacles.length > 0 && !isForced) return refused(...obstacles);
  return {
    kind: 'plan',
    backups: candidates.map(({ incarnation, backup }) => ({
      incarnation,
      backup,
      verdict: 'expire',
      reasons: [{ rule: 'asked', text: 'asked for' }],
    })),
    incomplete,
    wal: allWal(archive, 'expire', 'asked for'),
  };
};
