import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { collectSegments, segmentCount, subtractRanges } from '../../../lib/core/recovery/segment-runs.ts';
import { parseSegmentBytes, parseTimelineId, segmentAt } from '../../../lib/core/wal/segment.ts';
import { anySegmentBytes, MiB } from '../wal/arbitraries.ts';
import { daysAfter } from './archives.ts';

const first = parseTimelineId(1);

test('names in any order and any number of times become sorted runs', () => {
  fc.assert(
    fc.property(anySegmentBytes, fc.array(fc.integer({ min: 0, max: 300 })), (segmentBytes, numbers) => {
      const collector = collectSegments();
      for (const number of numbers) {
        collector.add(segmentAt({ timelineId: first, number }, segmentBytes).name, daysAfter(number));
      }
      const { runs, misnamed } = collector.build(segmentBytes);
      const built = runs.get(first) ?? [];
      const held = built.flatMap((run) =>
        Array.from({ length: run.last - run.first + 1 }, (_, index) => run.first + index),
      );
      assert.deepEqual(
        held,
        [...new Set(numbers)].sort((one, other) => one - other),
      );
      assert(built.every((run, index) => index === 0 || run.first > (built[index - 1]?.last ?? 0) + 1));
      assert(built.every(({ last, lastStoredAt }) => lastStoredAt?.getTime() === daysAfter(last).getTime()));
      assert.deepEqual([misnamed, segmentCount(built)], [0, held.length]);
      assert.equal(collector.count, numbers.length);
      const [firstNumber] = numbers;
      assert.equal(
        collector.firstName,
        firstNumber === undefined
          ? undefined
          : segmentAt({ timelineId: first, number: firstNumber }, segmentBytes).name,
      );
    }),
  );
});

test('what no cluster with this segment size names is counted and left out', () => {
  const collector = collectSegments();
  collector.add('0000000100000000000000FF');
  collector.add('000000010000000000000100');
  collector.add('000000020000000000000100');
  const built = collector.build(parseSegmentBytes(16 * MiB));
  assert.equal(built.misnamed, 2);
  assert.deepEqual([...built.runs], [[first, [{ first: 255, last: 255, lastStoredAt: undefined }]]]);
});

test('what is no name of a segment is a mistake of ours', () => {
  assert.throws(() => collectSegments().add('00000002.history'), /only names of segments/);
});

test('a million segments out of order are cheap', () => {
  const collector = collectSegments();
  const segmentBytes = parseSegmentBytes(16 * MiB);
  const names = Array.from(
    { length: 1000 },
    (_, index) => segmentAt({ timelineId: first, number: index }, segmentBytes).name,
  );
  for (let round = 0; round < 100; round += 1) for (const name of names.toReversed()) collector.add(name);
  assert.deepEqual(collector.build(segmentBytes).runs.get(first), [
    { first: 0, last: 999, lastStoredAt: undefined },
  ]);
});

test('a range without others is what none of them covers', () => {
  const range = { first: 2, last: 9 };
  assert.deepEqual(subtractRanges(range, []), [range]);
  assert.deepEqual(
    subtractRanges(range, [
      { first: 12, last: 13 },
      { first: 4, last: 5 },
      { first: 0, last: 2 },
      { first: 5, last: 5 },
      { first: 7, last: 20 },
    ]),
    [
      { first: 3, last: 3 },
      { first: 6, last: 6 },
    ],
  );
});
