import fc from 'fast-check';
import type {
  BackupFacts,
  IncarnationFacts,
  TimelineFacts,
} from '../../../lib/core/recovery/archive-facts.ts';
import type { SegmentRun } from '../../../lib/core/recovery/segment-runs.ts';
import { lsnOf } from '../../../lib/core/wal/lsn.ts';
import { parseSegmentBytes, parseTimelineId } from '../../../lib/core/wal/segment.ts';
import { parseSystemIdentifier } from '../../../lib/core/wal/system-identifier.ts';
import type { TimelineHistory, TimelineSwitch } from '../../../lib/core/wal/timeline-history.ts';

export const MiB = 2 ** 20;
export const segmentBytes = parseSegmentBytes(MiB);
export const system = parseSystemIdentifier('7390000000000000001');

/** A place in the WAL, counted in segments: 3.5 is the middle of segment 3. */
export const at = (segments: number) => lsnOf(BigInt(Math.round(segments * MiB)));

export const daysAfter = (days: number): Date => new Date(Date.UTC(2026, 0, 1) + days * 86_400_000);

/** Runs from numbers in any order. */
export const runsOf = (numbers: readonly number[]): readonly SegmentRun[] => {
  const runs: SegmentRun[] = [];
  for (const number of [...new Set(numbers)].sort((one, other) => one - other)) {
    const before = runs.at(-1);
    const isNext = before !== undefined && before.last + 1 === number;
    if (isNext) runs.pop();
    runs.push({ first: isNext ? before.first : number, last: number, lastStoredAt: daysAfter(number) });
  }
  return runs;
};

/** '1-4 6' as numbers. */
export const numbersIn = (text: string): readonly number[] =>
  text
    .split(' ')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });

/** A timeline whose parents it left at these places. */
export const timeline = (
  id: number,
  segments: string,
  parents: readonly (readonly [parent: number, place: number])[] = [],
  options: { readonly isHistoryMissing?: boolean; readonly partials?: readonly number[] } = {},
): TimelineFacts => ({
  timelineId: parseTimelineId(id),
  runs: runsOf(numbersIn(segments)),
  partials: options.partials ?? [],
  ...(parents.length === 0 || options.isHistoryMissing === true ? {} : { history: historyOf(id, parents) }),
});

export const historyOf = (
  id: number,
  parents: readonly (readonly [parent: number, place: number])[],
): TimelineHistory => ({
  timelineId: parseTimelineId(id),
  switches: parents.map(
    ([parent, place]): TimelineSwitch => ({
      parentId: parseTimelineId(parent),
      switchLsn: at(place),
      reason: 'because',
    }),
  ),
});

/** A backup from one place to another, named by its timeline and start, a day for each segment. */
export const backup = (
  timelineId: number,
  start: number,
  stop: number,
  more: Partial<BackupFacts> = {},
): BackupFacts => ({
  name: `backup ${timelineId}:${start}`,
  timelineId: parseTimelineId(timelineId),
  startLsn: at(start),
  stopLsn: at(stop),
  startedAt: daysAfter(start),
  finishedAt: daysAfter(stop),
  isPermanent: false,
  ...more,
});

export const incarnation = (
  timelines: readonly TimelineFacts[],
  backups: readonly BackupFacts[],
  number = 1,
): IncarnationFacts => ({ number, systemIdentifier: system, segmentBytes, timelines, backups });

const places = 20;

type Fork = { readonly parents: readonly (readonly [number, number])[] };

/** Up to five timelines, each left by the next ones anywhere after its own begin, on borders of segments and inside. */
const anyForks: fc.Arbitrary<readonly Fork[]> = fc
  .array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 2 * places })), { maxLength: 4 })
  .map((choices) => {
    const forks: Fork[] = [{ parents: [] }];
    for (const [choice, place] of choices) {
      const parentIndex = choice % forks.length;
      const { parents } = forks[parentIndex] ?? { parents: [] };
      const begin = parents.at(-1)?.[1] ?? 0;
      forks.push({ parents: [...parents, [parentIndex + 1, Math.max(begin, place / 2)]] });
    }
    return forks;
  });

/** Small archives with forks, lost segments and history files, and backups that begin and end inside segments. */
export const anyIncarnation: fc.Arbitrary<IncarnationFacts> = anyForks.chain((forks) => {
  const segments = fc
    .tuple(
      fc.integer({ min: 0, max: places }),
      fc.array(fc.integer({ min: 0, max: places }), { maxLength: 3 }),
    )
    .map(([last, lost]) => numbersIn(`0-${last}`).filter((number) => !lost.includes(number)));
  const timelines = fc.tuple(
    ...forks.map(({ parents }, index) =>
      fc.tuple(segments, fc.integer({ min: 0, max: 5 })).map(([numbers, chance]): TimelineFacts => {
        const begin = Math.floor(parents.at(-1)?.[1] ?? 0);
        const own = numbers.filter((number) => number >= begin);
        const isHistoryMissing = chance === 0;
        return { ...timeline(index + 1, '', parents, { isHistoryMissing }), runs: runsOf(own) };
      }),
    ),
  );
  const backups = fc
    .array(
      fc.tuple(
        fc.integer({ min: 0, max: forks.length - 1 }),
        fc.integer({ min: 0, max: 2 * places }),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
      ),
      { maxLength: 5 },
    )
    .map((chosen) =>
      chosen.map(([index, start, length, isPermanent], order): BackupFacts => {
        const begin = Math.max(forks[index]?.parents.at(-1)?.[1] ?? 0, start / 2);
        return backup(index + 1, begin, begin + length / 2, { name: `backup-${order}`, isPermanent });
      }),
    );
  return fc
    .tuple(timelines, backups)
    .map(([timelineFacts, backupFacts]) => incarnation(timelineFacts, backupFacts));
});
