import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BackupFacts, IncarnationFacts } from '../../../lib/core/recovery/archive-facts.ts';
import { judgeContinuity } from '../../../lib/core/recovery/continuity.ts';
import type { RetainedArchive, RetentionPlan } from '../../../lib/core/retention/plan.ts';
import { planRetention } from '../../../lib/core/retention/plan-retention.ts';
import type { RetentionLimits, RetentionPolicy } from '../../../lib/core/retention/policy.ts';
import { parseTimelineId } from '../../../lib/core/wal/segment.ts';
import { anyIncarnation, backup, daysAfter, incarnation, runsOf, timeline } from '../recovery/archives.ts';
import { judgeSlowly } from '../recovery/continuity-model.ts';

const limits: RetentionLimits = { now: daysAfter(40), minimumBackups: 1, runningHours: 24 };

const archiveOf = (
  incarnations: readonly IncarnationFacts[],
  more: Partial<RetainedArchive> = {},
): RetainedArchive => ({
  incarnations: incarnations.map((facts) => ({ facts, continuity: judgeContinuity(facts) })),
  incomplete: [],
  problems: [],
  ...more,
});

const planOf = (plan: RetentionPlan): Extract<RetentionPlan, { kind: 'plan' }> => {
  assert(plan.kind === 'plan', plan.kind === 'refused' ? plan.reasons.join('; ') : '');
  return plan;
};

const refusalOf = (plan: RetentionPlan): readonly string[] => {
  assert(plan.kind === 'refused', 'the plan is refused');
  return plan.reasons;
};

const retain = (archive: RetainedArchive, policy: RetentionPolicy, more: Partial<RetentionLimits> = {}) =>
  planOf(planRetention(archive, { kind: 'retain', policy }, { ...limits, ...more }));

type Plan = ReturnType<typeof planOf>;

const expired = ({ backups }: Plan): readonly string[] =>
  backups.filter(({ verdict }) => verdict === 'expire').map((verdict) => verdict.backup.name);

const rulesOf = ({ backups }: Plan): Record<string, string> =>
  Object.fromEntries(
    backups.map((verdict) => [verdict.backup.name, verdict.reasons.map(({ rule }) => rule).join(' ')]),
  );

const expiredWal = ({ wal }: Plan): readonly string[] =>
  wal
    .filter(({ verdict }) => verdict === 'expire')
    .map(({ timelineId, first, last }) => `${timelineId}: ${first}-${last}`);

const fourBackups = [backup(1, 2, 3), backup(1, 5, 6), backup(1, 10, 11), backup(1, 15, 16)];
const four = archiveOf([incarnation([timeline(1, '1-20')], fourBackups)]);

test('the newest backups are kept, and WAL from the start of the oldest of them on', () => {
  const plan = retain(four, { newest: { count: 2, counted: 'all' } });
  assert.deepEqual(expired(plan), ['backup 1:2', 'backup 1:5']);
  assert.deepEqual(rulesOf(plan), {
    'backup 1:2': 'older',
    'backup 1:5': 'older',
    'backup 1:10': 'newest',
    'backup 1:15': 'newest minimum timeline',
  });
  assert.deepEqual(
    plan.wal.map(({ first, last, verdict, reason }) => [first, last, verdict, reason]),
    [
      [1, 9, 'expire', 'no kept backup needs it'],
      [10, 20, 'keep', 'needed by backup 1:10 from its start'],
    ],
  );
});

test('the last backup that can be restored is never expired', () => {
  assert.deepEqual(expired(retain(four, {})), ['backup 1:2', 'backup 1:5', 'backup 1:10']);
  const broken = archiveOf([incarnation([timeline(1, '1-9 11-14 17')], fourBackups)]);
  const plan = retain(broken, { newest: { count: 1, counted: 'all' } });
  assert.deepEqual(expired(plan), ['backup 1:2'], 'what lacks WAL does not count');
  assert.equal(rulesOf(plan)['backup 1:15'], 'newer');
  assert.deepEqual(expired(retain(four, {}, { minimumBackups: 3 })), ['backup 1:2']);
  assert.match(
    retain(four, {}, { minimumBackups: 2 }).backups[3]?.reasons[0]?.text ?? '',
    /^2 at least are kept/,
  );
});

test('while nothing can be restored everything is kept', () => {
  const broken = archiveOf([incarnation([timeline(1, '1-4')], [backup(1, 6, 7), backup(1, 8, 9)])]);
  const place = { kind: 'backup', name: 'backup 1:8' } as const;
  const plan = retain(broken, { from: place, windowDays: 1 });
  assert.deepEqual([expired(plan), expiredWal(plan)], [[], []]);
  assert.match(plan.backups[0]?.reasons[0]?.text ?? '', /nothing can be restored/);
  assert.deepEqual(retain(archiveOf([]), {}).backups, []);
  assert.deepEqual(retain(archiveOf([incarnation([], [])]), { windowDays: 1 }).wal, []);
});

test('a window of days begins with the newest backup that ended before it', () => {
  const policy = { windowDays: 28 };
  assert.deepEqual(expired(retain(four, policy)), ['backup 1:2', 'backup 1:5']);
  assert.deepEqual(expired(retain(four, policy, { now: daysAfter(30) })), []);
  const untimed = fourBackups.map((one) => ({ ...one, startedAt: undefined, finishedAt: undefined }));
  const plan = retain(archiveOf([incarnation([timeline(1, '1-20')], untimed)]), policy);
  assert.equal(expired(plan).length, 3, 'a backup that says no time is old');
});

test('a place keeps the backup there and all after it, and a place that is not there is refused', () => {
  const from = (place: RetentionPolicy['from']) => ({ kind: 'retain', policy: { from: place } }) as const;
  const named = from({ kind: 'backup', name: 'backup 1:5' });
  assert.deepEqual(expired(planOf(planRetention(four, named, limits))), ['backup 1:2']);
  const timed = from({ kind: 'time', time: daysAfter(6) });
  assert.deepEqual(expired(planOf(planRetention(four, timed, limits))), ['backup 1:2', 'backup 1:5']);
  const untimed = archiveOf([
    incarnation([timeline(1, '1-20')], [backup(1, 2, 3, { startedAt: undefined }), ...fourBackups.slice(1)]),
  ]);
  assert.deepEqual(expired(planOf(planRetention(untimed, timed, limits))), ['backup 1:2', 'backup 1:5']);
  assert.match(
    refusalOf(planRetention(four, from({ kind: 'backup', name: 'other' }), limits)).join(),
    /no complete base backup other/,
  );
  assert.match(
    refusalOf(planRetention(four, from({ kind: 'time', time: daysAfter(50) }), limits)).join(),
    /began at 2026-02-20T00:00:00.000Z or later/,
  );
});

test('a permanent backup stays with its own WAL and no more', () => {
  const [first, ...others] = fourBackups;
  assert(first !== undefined);
  const archive = archiveOf([
    incarnation([timeline(1, '1-20')], [{ ...first, isPermanent: true }, ...others]),
  ]);
  const plan = retain(archive, { newest: { count: 1, counted: 'all' } });
  assert.deepEqual(expired(plan), ['backup 1:5', 'backup 1:10']);
  assert.deepEqual(expiredWal(plan), ['1: 1-1', '1: 3-14']);
  assert.match(plan.wal[1]?.reason ?? '', /from its start to its stop only/);
});

const deltaOf = (parent: BackupFacts, start: number, more: Partial<BackupFacts> = {}): BackupFacts =>
  backup(1, start, start + 1, { deltaFrom: parent.name, ...more });

test('a full backup stays while a delta on it is kept, and a rule never begins with a delta', () => {
  const [oldest, full] = [backup(1, 1, 2), backup(1, 3, 4)];
  const delta = deltaOf(full, 6);
  const nextDelta = deltaOf(delta, 9);
  const archive = archiveOf([incarnation([timeline(1, '1-20')], [oldest, full, delta, nextDelta])]);
  const plan = retain(archive, { newest: { count: 1, counted: 'all' } });
  assert.deepEqual(expired(plan), ['backup 1:1']);
  assert.deepEqual(expiredWal(plan), ['1: 1-2']);
  assert.equal(rulesOf(plan)['backup 1:3'], 'delta-base delta-base');

  const newFull = backup(1, 12, 13);
  const late = { ...deltaOf(full, 15), name: 'late' };
  const mixed = archiveOf([
    incarnation([timeline(1, '1-20')], [oldest, full, delta, newFull, late, deltaOf(newFull, 17)]),
  ]);
  const counted = retain(mixed, { newest: { count: 1, counted: 'full' } });
  assert.deepEqual(expired(counted), ['backup 1:1', 'backup 1:6']);
  assert.deepEqual(expiredWal(counted), ['1: 1-2', '1: 4-11'], 'the base keeps its own WAL');
  const permanent = { ...delta, isPermanent: true };
  const marked = archiveOf([incarnation([timeline(1, '1-20')], [oldest, full, permanent, newFull])]);
  assert.deepEqual(expired(retain(marked, { newest: { count: 1, counted: 'full' } })), ['backup 1:1']);
});

test('a delta whose chain is broken does not count', () => {
  const lost = deltaOf(backup(1, 1, 2), 9);
  const circular = { ...backup(1, 11, 12), deltaFrom: 'backup 1:11' };
  const pair = [
    { ...backup(1, 13, 14), name: 'one', deltaFrom: 'other' },
    { ...backup(1, 14, 15), name: 'other', deltaFrom: 'second' },
    { ...backup(1, 15, 16), name: 'second', deltaFrom: 'other' },
  ];
  const archive = archiveOf([
    incarnation([timeline(1, '1-20')], [backup(1, 2, 3), backup(1, 5, 6), lost, circular, ...pair]),
  ]);
  assert.deepEqual(expired(retain(archive, { newest: { count: 1, counted: 'all' } })), ['backup 1:2']);
});

test('order is by incarnation and time, so that timeline 1 after pg_upgrade is the newest', () => {
  const old = incarnation([timeline(7, '100-120', [[6, 100]])], [backup(7, 101, 102), backup(7, 110, 111)]);
  const upgraded = incarnation([timeline(1, '121-130')], [backup(1, 122, 123)], 2);
  const plan = retain(archiveOf([old, upgraded]), { newest: { count: 1, counted: 'all' } });
  assert.deepEqual(expired(plan), ['backup 7:101', 'backup 7:110']);
  assert.deepEqual(expiredWal(plan), ['7: 100-120', '1: 121-121']);
  const fresh = incarnation([timeline(1, '121-130')], [], 2);
  const waiting = retain(archiveOf([old, fresh]), { newest: { count: 1, counted: 'all' } });
  assert.deepEqual(expired(waiting), ['backup 7:101']);
  assert.deepEqual(expiredWal(waiting), ['7: 100-109'], 'WAL of the new cluster waits for its first backup');
});

test('the newest timeline keeps the backup that it can be recovered from, however old', () => {
  const archive = archiveOf([
    incarnation(
      [timeline(1, '1-20'), timeline(2, '4-9', [[1, 4]])],
      [backup(1, 1, 2), backup(1, 8, 9), backup(1, 12, 13)],
    ),
  ]);
  const plan = retain(archive, { newest: { count: 1, counted: 'all' } });
  assert.equal(rulesOf(plan)['backup 1:1'], 'timeline');
  assert.deepEqual(expiredWal(plan), []);
});

test('WAL of a timeline that was left goes with its backups, partial segments too', () => {
  const archive = archiveOf([
    incarnation(
      [timeline(1, '1-6', [], { partials: [4, 7] }), timeline(2, '4-9', [[1, 4.5]])],
      [backup(1, 1, 2), backup(2, 6, 7)],
    ),
  ]);
  const plan = retain(archive, { newest: { count: 1, counted: 'all' } });
  assert.deepEqual(expiredWal(plan), ['1: 1-6', '1: 7-7', '2: 4-5']);
});

test('WAL that is not understood stays: without a known parent, or newer than every backup', () => {
  const archive = archiveOf([
    incarnation(
      [timeline(1, '1-9'), timeline(2, '1-3', [[1, 1]]), timeline(3, '2-4'), timeline(9, '3-4', [[1, 3]])],
      [backup(1, 5, 6)],
    ),
  ]);
  const plan = retain(archive, {});
  assert.deepEqual(expiredWal(plan), ['1: 1-4']);
  assert.deepEqual(
    [...new Set(plan.wal.map(({ reason }) => reason))],
    [
      'no kept backup needs it',
      'needed by backup 1:5 from its start',
      'no backup was taken since it began',
      'nothing tells where the timeline came from',
    ],
  );
});

test('WAL from where a running backup began is kept for it, and no longer once it is surely dead', () => {
  const incomplete = [
    { name: 'running', timelineId: parseTimelineId(1), firstSegment: 8, lastWrittenAt: daysAfter(39.5) },
    { name: 'dead', timelineId: parseTimelineId(1), firstSegment: 1, lastWrittenAt: daysAfter(30) },
  ];
  const archive = { ...four, incomplete };
  const plan = retain(archive, { newest: { count: 1, counted: 'all' } });
  assert.deepEqual(expiredWal(plan), ['1: 1-7']);
  assert.deepEqual(
    plan.incomplete.map(({ isRunning }) => isRunning),
    [true, false],
  );
  const everything = planRetention(archive, { kind: 'everything', isForced: false }, limits);
  assert.deepEqual(refusalOf(everything), ['running may be running']);
});

test('one backup is deleted with the deltas that stand on it, and no WAL', () => {
  const full = backup(1, 3, 4);
  const [delta, other] = [deltaOf(full, 6), deltaOf(full, 7)];
  const archive = archiveOf([
    incarnation([timeline(1, '1-20')], [backup(1, 1, 2), full, delta, other, deltaOf(delta, 9)]),
  ]);
  const target = (name: string, withFull = false) =>
    planRetention(archive, { kind: 'target', name, withFull }, limits);
  const plan = planOf(target(delta.name));
  assert.deepEqual(expired(plan), ['backup 1:6', 'backup 1:9']);
  assert.deepEqual(expiredWal(plan), []);
  assert.equal(expired(planOf(target(delta.name, true))).length, 4);
  assert.deepEqual(expired(planOf(target('backup 1:1', true))), ['backup 1:1']);
  assert.match(refusalOf(target('other')).join(), /no complete base backup other/);
});

test('the last backup that can be restored and a permanent one are no targets', () => {
  const archive = archiveOf([
    incarnation(
      [timeline(1, '1-9')],
      [backup(1, 2, 3), backup(1, 20, 21), backup(1, 22, 23, { isPermanent: true })],
    ),
  ]);
  const target = (name: string) => planRetention(archive, { kind: 'target', name, withFull: false }, limits);
  assert.match(refusalOf(target('backup 1:2')).join(), /only 0 of the at least 1 backups/);
  assert.deepEqual(refusalOf(target('backup 1:22')), ['backup 1:22 is permanent']);
  assert.deepEqual(expired(planOf(target('backup 1:20'))), ['backup 1:20']);
});

test('everything is deleted only without permanent backups, or by force', () => {
  const everything = (archive: RetainedArchive, isForced = false) =>
    planRetention(archive, { kind: 'everything', isForced }, limits);
  const withPartial = archiveOf([incarnation([timeline(1, '1-20', [], { partials: [21] })], fourBackups)]);
  const plan = planOf(everything(withPartial));
  assert.deepEqual([expired(plan).length, expiredWal(plan)], [4, ['1: 1-20', '1: 21-21']]);
  const marked = archiveOf([incarnation([timeline(1, '1-9')], [backup(1, 2, 3, { isPermanent: true })])]);
  assert.deepEqual(refusalOf(everything(marked)), ['backup 1:2 is permanent']);
  assert.deepEqual(expired(planOf(everything(marked, true))), ['backup 1:2']);
});

test('what cannot be judged is a reason to refuse, but for everything by force', () => {
  const archive = { ...four, problems: ['the sentinel of base_1 is not JSON'] };
  const policy = {};
  assert.deepEqual(refusalOf(planRetention(archive, { kind: 'retain', policy }, limits)), archive.problems);
  assert.deepEqual(
    refusalOf(planRetention(archive, { kind: 'everything', isForced: false }, limits)),
    archive.problems,
  );
  planOf(planRetention(archive, { kind: 'everything', isForced: true }, limits));
});

/** What is left of an incarnation when a plan is carried out. */
const without = (facts: IncarnationFacts, plan: Plan): IncarnationFacts => {
  const own = plan.wal.filter(
    ({ incarnation: number, verdict }) => number === facts.number && verdict === 'expire',
  );
  const isGone = (timelineId: number, number: number): boolean =>
    own.some((part) => part.timelineId === timelineId && part.first <= number && number <= part.last);
  const gone = expired(plan);
  return {
    ...facts,
    backups: facts.backups.filter(({ name }) => !gone.includes(name)),
    timelines: facts.timelines.map((one) => ({
      ...one,
      runs: runsOf(
        one.runs
          .flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, index) => first + index))
          .filter((number) => !isGone(one.timelineId, number)),
      ),
    })),
  };
};

test('nothing that a kept backup needs is ever in the plan to expire', () => {
  const anyPolicy: fc.Arbitrary<RetentionPolicy> = fc.record({
    newest: fc.option(
      fc.record({ count: fc.integer({ min: 0, max: 4 }), counted: fc.constantFrom('full', 'all') }),
      { nil: undefined },
    ),
    windowDays: fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined }),
  });
  const anyDeltas = fc.array(fc.option(fc.nat({ max: 4 }), { nil: undefined }), {
    minLength: 5,
    maxLength: 5,
  });
  fc.assert(
    fc.property(anyIncarnation, anyPolicy, anyDeltas, (facts, policy, deltas) => {
      const whole = {
        ...facts,
        backups: facts.backups.map((one, index): BackupFacts => {
          const base = facts.backups[deltas[index] ?? -1];
          return base === undefined ? one : { ...one, deltaFrom: base.name };
        }),
      };
      const plan = retain(archiveOf([whole]), policy);
      const [before, after] = [judgeSlowly(whole), judgeSlowly(without(whole, plan))];
      const gone = expired(plan);
      const kept = plan.backups.filter(({ verdict }) => verdict === 'keep');
      for (const { backup: one, reasons } of kept) {
        if (one.deltaFrom !== undefined)
          assert(!gone.includes(one.deltaFrom), `the base of ${one.name} is kept`);
        if (before.completeNames.includes(one.name)) assert(after.completeNames.includes(one.name));
        const isStandalone = reasons.every(({ rule }) => rule === 'permanent' || rule === 'delta-base');
        if (isStandalone) continue;
        const reaches = ({ reaches: all }: typeof before) => all.filter(({ name }) => name === one.name);
        assert.deepEqual(reaches(after), reaches(before), `${one.name} reaches as far as before`);
      }
      const hadRestorable = before.completeNames.length > 0;
      assert.equal(after.completeNames.length > 0, hadRestorable);
    }),
    { numRuns: 300 },
  );
});
