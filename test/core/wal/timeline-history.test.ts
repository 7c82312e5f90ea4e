import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Lsn, lsnOf, parseLsn } from '../../../lib/core/wal/lsn.ts';
import { parseSegmentBytes, parseTimelineId, type SegmentBytes } from '../../../lib/core/wal/segment.ts';
import {
  firstTimeline,
  formatTimelineHistory,
  parseTimelineHistory,
  segmentCandidates,
  segmentsOnPath,
  type TimelineHistory,
  timelineOfLsn,
  timelinePath,
} from '../../../lib/core/wal/timeline-history.ts';
import { anySegmentBytes, historyWithin, legalSegmentBytes, MiB, refusal } from './arbitraries.ts';

const size16 = parseSegmentBytes(16 * MiB);
const five = parseTimelineId(5);

const names = (history: TimelineHistory, start: string, end: string, bytes = size16): string[] =>
  Array.from(segmentsOnPath(history, parseLsn(start), parseLsn(end), bytes), ({ name }) => name);

const forked = (...places: string[]): TimelineHistory =>
  parseTimelineHistory(
    parseTimelineId(places.length + 1),
    places.map((place, index) => `${index + 1}\t${place}\tno recovery target specified\n`).join('\n'),
  );

test('a file as PostgreSQL writes it is read with its reasons', () => {
  const text =
    '1\t0/5000148\tno recovery target specified\n\n3\t16/B374D848\tbefore 2026-01-01 00:00:00+00\n';
  const history = parseTimelineHistory(five, text);
  assert.deepEqual(history, {
    timelineId: 5,
    switches: [
      { parentId: 1, switchLsn: 0x500_0148n, reason: 'no recovery target specified' },
      { parentId: 3, switchLsn: 0x16_b374_d848n, reason: 'before 2026-01-01 00:00:00+00' },
    ],
  });
  assert.equal(formatTimelineHistory(history), text);
});

test('comments, blank lines, spaces for tabs, a missing reason and carriage returns are no trouble', () => {
  const history = parseTimelineHistory(
    five,
    '# made by hand\n\n  1   0/50  \r\n   \n\t2 0/60 at restore  point "x" # y\n   # end',
  );
  assert.deepEqual(
    history.switches.map(({ parentId, switchLsn, reason }) => [parentId, switchLsn, reason]),
    [
      [1, 0x50n, ''],
      [2, 0x60n, 'at restore  point "x" # y'],
    ],
  );
});

test('every history comes back from its file', () => {
  fc.assert(
    fc.property(historyWithin(size16), (history) => {
      fc.pre(history.switches.length > 0);
      assert.deepEqual(parseTimelineHistory(history.timelineId, formatTimelineHistory(history)), history);
    }),
  );
});

test('a damaged file is refused with its name, the line and the fault', () => {
  for (const [text, message] of [
    ['', '00000005.history names no ancestor'],
    ['# nothing\n', '00000005.history names no ancestor'],
    ['1\t0/50\tx\n\nrubbish', '00000005.history, line 3, holds no timeline, LSN and reason: "rubbish"'],
    ['1\t0/50x', '00000005.history, line 1, holds no timeline, LSN and reason: "1\\t0/50x"'],
    ['0\t0/50\tx', '00000005.history, line 1, holds no timeline, LSN and reason: "0\\t0/50\\tx"'],
    ['4294967296 0/50', '00000005.history, line 1, holds no timeline, LSN and reason: "4294967296 0/50"'],
    ['1 123456789/50', '00000005.history, line 1, holds no timeline, LSN and reason: "1 123456789/50"'],
    [
      '\0\0\0\0',
      '00000005.history, line 1, holds no timeline, LSN and reason: "\\u0000\\u0000\\u0000\\u0000"',
    ],
    ['1 0/50\n1 0/60', '00000005.history, line 2, names timeline 1 after 1, but timelines must increase'],
    ['3 0/50\n2 0/60', '00000005.history, line 2, names timeline 2 after 3, but timelines must increase'],
    ['1 0/60\n2 0/50', '00000005.history, line 2, goes back from 0/60 to 0/50'],
    ['5 0/60', '00000005.history, line 1, names timeline 5, which cannot be an ancestor of timeline 5'],
    ['7 0/60', '00000005.history, line 1, names timeline 7, which cannot be an ancestor of timeline 5'],
  ] as const) {
    assert.throws(() => parseTimelineHistory(five, text), refusal('wal-content-invalid', message));
  }
});

test('the refusal of an enormous line quotes only its begin', () => {
  assert.throws(
    () => parseTimelineHistory(five, 'x'.repeat(1_000_000)),
    (thrown) => thrown instanceof Error && thrown.message.length < 200,
  );
});

test('a timeline without ancestors owns everything', () => {
  assert.deepEqual(timelinePath(firstTimeline()), [{ timelineId: 1, beginLsn: 0n, endLsn: undefined }]);
  assert.deepEqual(firstTimeline(five), { timelineId: 5, switches: [] });
  assert.equal(timelineOfLsn(firstTimeline(five), parseLsn('FFFFFFFF/FFFFFFFF')), 5);
});

test('a switch point is the first byte that belongs to the child', () => {
  const history = forked('0/5000148', '0/7000000');
  assert.equal(timelineOfLsn(history, parseLsn('0/5000147')), 1);
  assert.equal(timelineOfLsn(history, parseLsn('0/5000148')), 2);
  assert.equal(timelineOfLsn(history, parseLsn('0/6FFFFFF')), 2);
  assert.equal(timelineOfLsn(history, parseLsn('0/7000000')), 3);
});

test('a timeline that was left where it began owns nothing', () => {
  const history = forked('0/5000148', '0/5000148', '0/6000000');
  assert.deepEqual(timelinePath(history)[1], { timelineId: 2, beginLsn: 0x500_0148n, endLsn: 0x500_0148n });
  assert.equal(timelineOfLsn(history, parseLsn('0/5000148')), 3);
  assert.deepEqual(names(history, '0/4000000', '0/7000000'), [
    '000000010000000000000004',
    '000000030000000000000005',
    '000000040000000000000006',
  ]);
});

test('the path has no hole and no overlap, and agrees with the owner of every LSN', () => {
  fc.assert(
    fc.property(
      historyWithin(size16),
      fc.bigInt({ min: 0n, max: 10n * BigInt(size16) }),
      (history, value) => {
        const path = timelinePath(history);
        for (const [index, span] of path.entries()) {
          assert.equal(span.endLsn, path[index + 1]?.beginLsn);
        }
        const owners = path.filter(
          ({ beginLsn, endLsn }) => beginLsn <= value && (endLsn === undefined || value < endLsn),
        );
        assert.deepEqual(
          owners.map(({ timelineId }) => timelineId),
          [timelineOfLsn(history, lsnOf(value))],
        );
      },
    ),
  );
});

test('the segment that holds a switch point is fetched under the name of the child', () => {
  assert.deepEqual(names(forked('0/5000148'), '0/4000028', '0/6000001'), [
    '000000010000000000000004',
    '000000020000000000000005',
    '000000020000000000000006',
  ]);
});

test('a switch on a border leaves the segment before it to the parent', () => {
  assert.deepEqual(names(forked('0/5000000'), '0/4000000', '0/6000000'), [
    '000000010000000000000004',
    '000000020000000000000005',
  ]);
});

test('an end on a border asks for no segment behind it, and one byte more does', () => {
  const history = firstTimeline();
  assert.deepEqual(names(history, '0/3000000', '0/4000000'), ['000000010000000000000003']);
  assert.deepEqual(names(history, '0/3FFFFFF', '0/4000001'), [
    '000000010000000000000003',
    '000000010000000000000004',
  ]);
  assert.deepEqual(names(history, '0/4000000', '0/4000000'), []);
  assert.deepEqual(names(history, '0/4000028', '0/4000028'), []);
});

test('the path passes from one group of names to the next', () => {
  assert.deepEqual(names(firstTimeline(), '0/FF000000', '1/1000000'), [
    '0000000100000000000000FF',
    '000000010000000100000000',
  ]);
});

test('WAL to the very last byte is walked without end', () => {
  for (const bytes of legalSegmentBytes) {
    assert.equal(names(forked('0/5000148'), 'FFFFFFFF/FFFFFFFE', 'FFFFFFFF/FFFFFFFF', bytes).length, 1);
  }
});

test('a path whose end lies before its start is refused at once', () => {
  assert.throws(
    () => segmentsOnPath(firstTimeline(), lsnOf(2n), lsnOf(1n), size16),
    refusal('value-invalid', 'WAL from 0/2 cannot end at 0/1'),
  );
});

test('the segments of a path can be asked for twice', () => {
  const segments = segmentsOnPath(firstTimeline(), lsnOf(0n), lsnOf(2n), size16);
  assert.deepEqual([...segments], [...segments]);
  assert.equal([...segments].length, 1);
});

/** Byte by byte where it matters: the newest timeline that begins at or before the segment's last byte names it. */
const slowSegments = (
  history: TimelineHistory,
  start: bigint,
  end: bigint,
  bytes: SegmentBytes,
): string[] => {
  const found: string[] = [];
  for (let number = 0; number < 10; number += 1) {
    const first = BigInt(number) * BigInt(bytes);
    const last = first + BigInt(bytes) - 1n;
    const isTouched = start < end && start <= last && end - 1n >= first;
    if (!isTouched) continue;
    const timelines = [0n, ...history.switches.map(({ switchLsn }) => switchLsn)].map((begin, index) => ({
      begin,
      id: history.switches[index]?.parentId ?? history.timelineId,
    }));
    const newest = timelines.findLast(({ begin }) => begin <= last);
    found.push(`${newest?.id}:${number}`);
  }
  return found;
};

const walk: fc.Arbitrary<[SegmentBytes, TimelineHistory, Lsn, Lsn]> = anySegmentBytes.chain((bytes) => {
  const place = fc
    .tuple(fc.integer({ min: 0, max: 8 }), fc.constantFrom(0, 1, bytes / 2, bytes - 1))
    .map(([segment, offset]) => lsnOf(BigInt(segment) * BigInt(bytes) + BigInt(offset)));
  return fc
    .tuple(fc.constant(bytes), historyWithin(bytes), place, place)
    .map(([size, history, a, b]) => (a <= b ? [size, history, a, b] : [size, history, b, a]));
});

test('the walk names what the slow model names, for every legal size', () => {
  fc.assert(
    fc.property(walk, ([bytes, history, start, end]) => {
      const walked = Array.from(
        segmentsOnPath(history, start, end, bytes),
        ({ timelineId, number }) => `${timelineId}:${number}`,
      );
      assert.deepEqual(walked, slowSegments(history, start, end, bytes));
    }),
    { numRuns: 1000 },
  );
});

test('a segment may lie under every timeline that has a part in it, newest first', () => {
  const history = forked('0/5000148', '0/5000148', '0/7000000');
  const candidates = (number: number): string[] =>
    segmentCandidates(history, number, size16).map(({ name }) => name);
  assert.deepEqual(candidates(4), ['000000010000000000000004']);
  assert.deepEqual(candidates(5), [
    '000000030000000000000005',
    '000000020000000000000005',
    '000000010000000000000005',
  ]);
  assert.deepEqual(candidates(6), ['000000030000000000000006']);
  assert.deepEqual(candidates(7), ['000000040000000000000007']);
});

test('the walk takes the first of the candidates', () => {
  fc.assert(
    fc.property(walk, ([bytes, history, start, end]) => {
      for (const segment of segmentsOnPath(history, start, end, bytes)) {
        assert.deepEqual(segmentCandidates(history, segment.number, bytes)[0], segment);
      }
    }),
  );
});
