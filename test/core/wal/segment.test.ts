import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Lsn, lsnOf, parseLsn } from '../../../lib/core/wal/lsn.ts';
import {
  nextSegment,
  offsetInSegment,
  parseSegmentBytes,
  parseSegmentName,
  parseTimelineId,
  type SegmentBytes,
  segmentAt,
  segmentOfEndLsn,
  segmentOfLsn,
  segmentStartLsn,
} from '../../../lib/core/wal/segment.ts';
import {
  anyLsn,
  anySegmentBytes,
  anyTimelineId,
  legalSegmentBytes,
  lsnNearBorder,
  MiB,
  refusal,
} from './arbitraries.ts';

const one = parseTimelineId(1);
const size16 = parseSegmentBytes(16 * MiB);

const sizeAndLsn: fc.Arbitrary<[SegmentBytes, Lsn]> = anySegmentBytes.chain((bytes) =>
  fc.tuple(fc.constant(bytes), fc.oneof(anyLsn, lsnNearBorder(bytes))),
);

test('the eleven legal segment sizes are accepted and every other is refused', () => {
  assert.equal(legalSegmentBytes.length, 11);
  for (const bytes of [
    0,
    -MiB,
    MiB / 2,
    MiB - 1,
    MiB + 1,
    3 * MiB,
    2048 * MiB,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1.5 * MiB,
  ]) {
    assert.throws(
      () => parseSegmentBytes(bytes),
      refusal('value-invalid', `${bytes} bytes is no WAL segment size`),
    );
  }
});

test('a timeline is a whole number from 1 to 2^32-1', () => {
  assert.equal(parseTimelineId(0xffff_ffff), 4294967295);
  for (const id of [0, -1, 1.5, 2 ** 32, Number.NaN]) {
    assert.throws(() => parseTimelineId(id), refusal('value-invalid', new RegExp(`^${id} is no timeline`)));
  }
});

test('segments are named as pg_walfile_name names them', () => {
  const named = (timeline: number, lsn: string, mebibytes: number): string =>
    segmentOfLsn(parseTimelineId(timeline), parseLsn(lsn), parseSegmentBytes(mebibytes * MiB)).name;
  assert.equal(named(1, '0/3000000', 16), '000000010000000000000003');
  assert.equal(named(0xab, '16/B374D848', 16), '000000AB00000016000000B3');
  assert.equal(named(1, '16/B374D848', 1), '000000010000001600000B37');
  assert.equal(named(1, '16/B374D848', 64), '00000001000000160000002C');
  assert.equal(named(1, '16/B374D848', 1024), '000000010000001600000002');
  assert.equal(named(0xffff_ffff, 'FFFFFFFF/FFFFFFFF', 1), 'FFFFFFFFFFFFFFFF00000FFF');
});

test('the third group of a name reaches exactly as far as the segment size lets it', () => {
  for (const bytes of legalSegmentBytes) {
    const last = 2 ** 32 / bytes - 1;
    const group = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');
    const parsed = parseSegmentName(`0000000100000001${group(last)}`, bytes);
    assert.equal(parsed?.number, 2 * (last + 1) - 1);
    assert.equal(parseSegmentName(`0000000100000001${group(last + 1)}`, bytes), undefined);
  }
});

test('what is not 24 upper-case digits of a real timeline is no segment name', () => {
  for (const name of [
    '',
    '00000001000000000000000',
    '0000000100000000000000033',
    '00000001000000000000000a',
    '000000000000000000000003',
    '000000010000000000000003\n',
    ' 00000010000000000000003',
  ]) {
    assert.equal(parseSegmentName(name, size16), undefined, JSON.stringify(name));
  }
});

test('every segment comes back from its name, for every legal size', () => {
  fc.assert(
    fc.property(anyTimelineId, sizeAndLsn, (timelineId, [bytes, lsn]) => {
      const segment = segmentOfLsn(timelineId, lsn, bytes);
      assert.deepEqual(parseSegmentName(segment.name, bytes), segment);
      assert.deepEqual(segmentAt(segment, bytes), segment);
    }),
  );
});

test('a start LSN lies in its segment: not before its begin, and before the begin of the next', () => {
  fc.assert(
    fc.property(sizeAndLsn, ([bytes, lsn]) => {
      const begin = segmentStartLsn(segmentOfLsn(one, lsn, bytes), bytes);
      assert(begin <= lsn && lsn < begin + BigInt(bytes));
      assert.equal(begin + BigInt(offsetInSegment(lsn, bytes)), lsn);
    }),
  );
});

test('an end LSN lies behind the begin of its segment, and at most at its end', () => {
  fc.assert(
    fc.property(sizeAndLsn, ([bytes, lsn]) => {
      fc.pre(lsn > 0n);
      const begin = segmentStartLsn(segmentOfEndLsn(one, lsn, bytes), bytes);
      assert(begin < lsn && lsn <= begin + BigInt(bytes));
    }),
  );
});

test('start and end LSN name the same segment except on a border, where the end belongs to the one before', () => {
  fc.assert(
    fc.property(sizeAndLsn, ([bytes, lsn]) => {
      fc.pre(lsn > 0n);
      const byStart = segmentOfLsn(one, lsn, bytes).number;
      const byEnd = segmentOfEndLsn(one, lsn, bytes).number;
      assert.equal(byEnd, offsetInSegment(lsn, bytes) === 0 ? byStart - 1 : byStart);
    }),
  );
});

test('no WAL ends at 0/0', () => {
  assert.throws(() => segmentOfEndLsn(one, lsnOf(0n), size16), refusal('value-invalid', /^0\/0 cannot be/));
});

test('the next segment begins where this one ends, and sorts after it by name', () => {
  fc.assert(
    fc.property(sizeAndLsn, ([bytes, lsn]) => {
      const segment = segmentOfLsn(one, lsn, bytes);
      fc.pre(segment.number + 1 < 2 ** 64 / bytes);
      const next = nextSegment(segment, bytes);
      assert.equal(segmentStartLsn(next, bytes), segmentStartLsn(segment, bytes) + BigInt(bytes));
      assert.equal(next.timelineId, segment.timelineId);
      assert(next.name > segment.name);
    }),
  );
});

test('the last segment of 2^64 bytes of WAL has no next one', () => {
  for (const bytes of legalSegmentBytes) {
    const last = segmentOfLsn(one, lsnOf((1n << 64n) - 1n), bytes);
    assert.throws(() => nextSegment(last, bytes), refusal('value-invalid', /is no number of a WAL segment/));
  }
});

test('a segment number is a whole number from 0', () => {
  for (const number of [-1, 0.5, Number.NaN]) {
    assert.throws(
      () => segmentAt({ timelineId: one, number }, size16),
      refusal('value-invalid', new RegExp(`^${number} is no number`)),
    );
  }
});
