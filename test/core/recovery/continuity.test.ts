import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Continuity, compareBackups, judgeContinuity } from '../../../lib/core/recovery/continuity.ts';
import { formatLsn } from '../../../lib/core/wal/lsn.ts';
import { anyIncarnation, at, backup, daysAfter, historyOf, incarnation, timeline } from './archives.ts';
import { judgeSlowly } from './continuity-model.ts';

const gapTexts = ({ gaps }: Continuity): readonly string[] =>
  gaps.map(
    ({ timelineId, first, last, severity, bridgedBy }) =>
      `${timelineId}: ${first}-${last} ${severity}${bridgedBy === undefined ? '' : ` ${bridgedBy}`}`,
  );

const windowTexts = ({ windows }: Continuity): readonly string[] =>
  windows.map(
    ({ timelineId, backups, lastSegment, isDefault }) =>
      `${timelineId}${isDefault ? '*' : ''}: ${backups.join(', ')} to ${lastSegment.timelineId}/${lastSegment.number}`,
  );

const stateTexts = ({ backups }: Continuity): readonly string[] =>
  backups.map(({ backup: { name }, state }) => `${name} ${state}`);

test('a window begins where its first backup stops and ends with the last segment before a hole', () => {
  const judged = judgeContinuity(incarnation([timeline(1, '1-9')], [backup(1, 2.5, 3.5), backup(1, 6, 7)]));
  const [window] = judged.windows;
  assert(window !== undefined && judged.windows.length === 1);
  assert.deepEqual(window.backups, ['backup 1:2.5', 'backup 1:6']);
  assert.equal(formatLsn(window.beginLsn), formatLsn(at(3.5)));
  assert.equal(formatLsn(window.endLsn), formatLsn(at(10)));
  assert.deepEqual([window.beginAt, window.endAtMost], [daysAfter(3.5), daysAfter(9)]);
  assert.deepEqual([window.throughTimelines, window.isDefault], [[1], true]);
  assert.deepEqual([judged.gaps, judged.orphans, judged.latestTimelineId], [[], [], 1]);
});

test('a gap is severe until a complete backup lies after it', () => {
  const timelines = [timeline(1, '1-4 6-9')];
  const before = judgeContinuity(incarnation(timelines, [backup(1, 1, 2)]));
  assert.deepEqual(gapTexts(before), ['1: 5-5 severe']);
  assert.deepEqual(windowTexts(before), ['1*: backup 1:1 to 1/4']);
  const after = judgeContinuity(incarnation(timelines, [backup(1, 1, 2), backup(1, 7, 8)]));
  assert.deepEqual(gapTexts(after), ['1: 5-5 warning backup 1:7']);
  assert.deepEqual(windowTexts(after), ['1*: backup 1:7 to 1/9', '1*: backup 1:1 to 1/4']);
});

test('what lies before every backup is not missed', () => {
  assert.deepEqual(gapTexts(judgeContinuity(incarnation([timeline(1, '1 5-9')], [backup(1, 6, 7)]))), []);
  assert.deepEqual(gapTexts(judgeContinuity(incarnation([timeline(1, '1 5-9')], []))), []);
  assert.equal(judgeContinuity(incarnation([], [])).latestTimelineId, undefined);
});

test('a permanent backup keeps its own WAL and asks for nothing after it', () => {
  const judged = judgeContinuity(
    incarnation([timeline(1, '1-3 7-9')], [backup(1, 1, 2, { isPermanent: true }), backup(1, 7, 8)]),
  );
  assert.deepEqual(gapTexts(judged), ['1: 4-6 expected backup 1:7']);
  const alone = judgeContinuity(
    incarnation([timeline(1, '1-3 7-9')], [backup(1, 1, 2, { isPermanent: true })]),
  );
  assert.deepEqual(gapTexts(alone), ['1: 4-6 severe']);
  const broken = judgeContinuity(
    incarnation([timeline(1, '1 7-9')], [backup(1, 1, 4, { isPermanent: true }), backup(1, 7, 8)]),
  );
  assert.deepEqual(gapTexts(broken), ['1: 2-3 warning backup 1:7', '1: 4-6 expected backup 1:7']);
});

test('a backup whose last segments have not come yet waits, and one with a hole in its WAL misses it', () => {
  const judged = judgeContinuity(
    incarnation([timeline(1, '1-4 6-8')], [backup(1, 1, 2), backup(1, 4, 6), backup(1, 8, 9.5)]),
  );
  assert.deepEqual(stateTexts(judged), ['backup 1:1 complete', 'backup 1:4 missing', 'backup 1:8 waiting']);
  assert.deepEqual(
    judged.backups.map(({ missing }) => missing.map(({ first, last }) => [first, last])),
    [[], [[5, 5]], [[9, 9]]],
  );
  assert.deepEqual(gapTexts(judged), ['1: 5-5 severe'], 'a backup that waits bridges nothing');
});

test('along a fork the segment of the switch point counts under the name of the child', () => {
  const facts = [timeline(1, '1-3', [], { partials: [4] }), timeline(2, '4-6', [[1, 4.5]])];
  const judged = judgeContinuity(incarnation(facts, [backup(1, 1, 2)]));
  assert.deepEqual(gapTexts(judged), []);
  assert.deepEqual(windowTexts(judged), ['2*: backup 1:1 to 2/6']);
  assert.deepEqual(judged.windows[0]?.throughTimelines, [1, 2]);
  const lost = judgeContinuity(
    incarnation(
      [timeline(1, '1-3', [], { partials: [4] }), timeline(2, '5-6', [[1, 4.5]])],
      [backup(1, 1, 2)],
    ),
  );
  assert.deepEqual(gapTexts(lost), ['2: 4-4 severe'], 'a partial segment covers nothing');
});

test('a backup that ends in the segment of the switch point is complete along the child', () => {
  const facts = [timeline(1, '1-3'), timeline(2, '4-6', [[1, 4.5]])];
  const judged = judgeContinuity(incarnation(facts, [backup(1, 3, 4.25)]));
  assert.deepEqual(stateTexts(judged), ['backup 1:3 complete']);
});

test('what an old primary wrote after the fork is orphan WAL and its holes are no gaps', () => {
  const facts = [timeline(1, '1-5 7'), timeline(2, '4-9', [[1, 4.5]])];
  const judged = judgeContinuity(incarnation(facts, [backup(1, 1, 2)]));
  assert.deepEqual(gapTexts(judged), []);
  assert.deepEqual(
    judged.orphans.map(({ timelineId, first, last }) => `${timelineId}: ${first}-${last}`),
    ['1: 4-5', '1: 7-7'],
  );
  assert.deepEqual(windowTexts(judged), ['2*: backup 1:1 to 2/9', '1: backup 1:1 to 1/5']);
});

test('a timeline that went on with a backup of its own after a fork is no orphan', () => {
  const facts = [timeline(1, '1-5 7-9'), timeline(2, '4-6', [[1, 4.5]])];
  const judged = judgeContinuity(incarnation(facts, [backup(1, 1, 2), backup(1, 7, 8)]));
  assert.deepEqual(judged.orphans, []);
  assert.deepEqual(gapTexts(judged), ['1: 6-6 warning backup 1:7']);
});

test('a hole that two timelines share is told once, as the newer one sees it', () => {
  const facts = [timeline(1, '1 3-9'), timeline(2, '5-8', [[1, 5]]), timeline(3, '7-9', [[1, 7]])];
  const backups = [backup(1, 1, 1.5), backup(2, 6, 7)];
  assert.deepEqual(gapTexts(judgeContinuity(incarnation(facts, backups))), ['1: 2-2 severe']);
  assert.deepEqual(gapTexts(judgeContinuity(incarnation(facts.slice(0, 2), backups))), [
    '1: 2-2 warning backup 2:6',
  ]);
});

test('a timeline without its history file cannot be followed, and is without a parent unless a descendant knows it', () => {
  const known = [
    [1, 3],
    [2, 5],
  ] as const;
  const facts = [
    timeline(1, '1-2'),
    timeline(2, '3-4', [[1, 3]], { isHistoryMissing: true }),
    timeline(3, '5-6', known),
  ];
  const judged = judgeContinuity(incarnation(facts, [backup(1, 1, 2), backup(2, 3, 4)]));
  assert.deepEqual(judged.missingHistories, [{ timelineId: 2, isDerived: true }]);
  assert.deepEqual(judged.timelinesWithoutParent, []);
  assert.deepEqual(
    stateTexts(judged),
    ['backup 1:1 complete', 'backup 2:3 complete'],
    'timeline 3 leads through it',
  );
  assert.equal(
    judged.latestTimelineId,
    3,
    'from the newest complete backup on, which knows its own timeline',
  );
  assert.deepEqual(windowTexts(judged), ['3: backup 1:1, backup 2:3 to 3/6', '1*: backup 1:1 to 1/2']);

  const lone = judgeContinuity(incarnation([timeline(4, '7-9')], [backup(4, 7, 8)]));
  assert.deepEqual(lone.timelinesWithoutParent, [4]);
  assert.deepEqual(lone.missingHistories, [{ timelineId: 4, isDerived: false }]);
  assert.deepEqual(stateTexts(lone), ['backup 4:7 missing']);
  assert.deepEqual([lone.backups[0]?.isHistoryMissing, lone.windows], [true, []]);
});

test('backups are in the order of time, and of their start where they say no time', () => {
  const judged = judgeContinuity(
    incarnation(
      [timeline(1, '1-9')],
      [
        backup(1, 5, 6, { startedAt: daysAfter(1) }),
        backup(1, 4, 5, { startedAt: undefined }),
        backup(1, 3, 4, { startedAt: undefined }),
        backup(1, 3, 4, { name: 'the same', startedAt: undefined }),
      ],
    ),
  );
  assert.deepEqual(
    judged.backups.map(({ backup: { name } }) => name),
    ['backup 1:3', 'the same', 'backup 1:4', 'backup 1:5'],
  );
});

test('a backup on a timeline of which nothing else is there waits for its WAL', () => {
  assert.deepEqual(stateTexts(judgeContinuity(incarnation([], [backup(1, 1, 2)]))), ['backup 1:1 waiting']);
});

test('the last segment that there can be ends where the last LSN is', () => {
  const number = 2 ** 44 - 1;
  const facts = [{ ...timeline(1, ''), runs: [{ first: number, last: number }] }];
  const [window] = judgeContinuity(incarnation(facts, [backup(1, number, number + 0.5)])).windows;
  assert.equal(window === undefined ? '' : formatLsn(window.endLsn), 'FFFFFFFF/FFFFFFFF');
  assert.equal(window?.endAtMost, undefined);
});

test('a history whose timeline wrote nothing yet already leads there', () => {
  const facts = [timeline(1, '1-5'), { ...timeline(2, ''), history: historyOf(2, [[1, 6]]) }];
  assert.deepEqual(windowTexts(judgeContinuity(incarnation(facts, [backup(1, 1, 2)]))), [
    '2*: backup 1:1 to 1/5',
  ]);
});

test('archives of any shape are judged as a slow and obvious model judges them', () => {
  fc.assert(
    fc.property(anyIncarnation, (facts) => {
      const judged = judgeContinuity(facts);
      const model = judgeSlowly(facts);
      assert.deepEqual(
        judged.backups
          .filter(({ state }) => state === 'complete')
          .map(({ backup: { name } }) => name)
          .sort(),
        [...model.completeNames].sort(),
      );
      const gaps = judged.gaps.flatMap(({ timelineId, first, last, severity, bridgedBy }) =>
        Array.from({ length: last - first + 1 }, (_, index): readonly [string, string] => [
          `${timelineId}/${first + index}`,
          bridgedBy === undefined ? severity : `${severity} ${bridgedBy}`,
        ]),
      );
      assert.deepEqual(gaps.toSorted(), [...model.gaps].toSorted());
      const orphans = judged.orphans.flatMap(({ timelineId, first, last }) =>
        Array.from({ length: last - first + 1 }, (_, index) => `${timelineId}/${first + index}`),
      );
      assert.deepEqual(orphans.toSorted(), model.orphans.toSorted());

      const reached = new Map(
        judged.windows.map((window) => [
          window,
          `${window.lastSegment.timelineId}/${window.lastSegment.number}`,
        ]),
      );
      for (const [window, key] of reached) {
        for (const name of window.backups) {
          const isTrue = model.reaches.some(
            (reach) => reach.id === window.timelineId && reach.name === name && reach.key === key,
          );
          assert(isTrue, `${name} reaches ${key} along ${window.timelineId}`);
        }
      }
      for (const { name, last } of model.reaches) {
        const isTold = judged.windows.some(
          ({ backups, lastSegment }) => backups.includes(name) && lastSegment.number >= last,
        );
        assert(isTold, `a window tells that ${name} reaches ${last}`);
      }
    }),
    { numRuns: 300 },
  );
});

test('two backups of one time are ordered by where they start', () => {
  const [one, other] = [
    backup(1, 1, 2, { startedAt: daysAfter(0) }),
    backup(1, 2, 3, { startedAt: daysAfter(0) }),
  ];
  assert.deepEqual(
    [compareBackups(one, other), compareBackups(other, one), compareBackups(one, one)],
    [-1, 1, 0],
  );
});
