import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSegmentBytes } from '../../../lib/core/wal/segment.ts';
import {
  checkSegment,
  parseSegmentHeader,
  type SegmentHeader,
  segmentHeaderBytes,
} from '../../../lib/core/wal/segment-header.ts';
import { parseSystemIdentifier } from '../../../lib/core/wal/system-identifier.ts';
import { legalSegmentBytes, MiB, refusal } from './arbitraries.ts';

/** Written field by field from XLogLongPageHeaderData; nothing of the reader is used. */
const page = (
  fields: {
    magic?: number;
    infoBits?: number;
    timeline?: number;
    lsn?: bigint;
    system?: bigint;
    segmentBytes?: number;
    blockBytes?: number;
  } = {},
): Uint8Array => {
  const bytes = new Uint8Array(8192);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, fields.magic ?? 0xd110, true);
  view.setUint16(2, fields.infoBits ?? 0x0002, true);
  view.setUint32(4, fields.timeline ?? 1, true);
  view.setBigUint64(8, fields.lsn ?? 0x300_0000n, true);
  view.setBigUint64(24, fields.system ?? 7_390_000_000_000_000_001n, true);
  view.setUint32(32, fields.segmentBytes ?? 16 * MiB, true);
  view.setUint32(36, fields.blockBytes ?? 8192, true);
  return bytes;
};

const invalid = (message: RegExp | string) => refusal('wal-content-invalid', message);

test('the long header of a segment is read, with its 64-bit fields whole', () => {
  assert.deepEqual(parseSegmentHeader(page({ infoBits: 0x0007, timeline: 3, lsn: 0xffff_ffff_ff00_0000n })), {
    magic: 0xd110,
    infoBits: 7,
    pageTimelineId: 3,
    pageLsn: 0xffff_ffff_ff00_0000n,
    systemIdentifier: 7_390_000_000_000_000_001n,
    segmentBytes: 16 * MiB,
    walBlockBytes: 8192,
    majorVersion: 15,
  } satisfies Record<keyof SegmentHeader, number | bigint>);
});

test('the first 40 bytes are enough, wherever in a buffer they lie', () => {
  const whole = page();
  const shifted = new Uint8Array(100);
  shifted.set(whole.subarray(0, segmentHeaderBytes), 33);
  assert.deepEqual(parseSegmentHeader(shifted.subarray(33, 73)), parseSegmentHeader(whole));
  assert.throws(
    () => parseSegmentHeader(whole.subarray(0, 39)),
    invalid("a segment's header has 40 bytes, but only 39 are there"),
  );
});

test('every major version is told by its magic', () => {
  const versions: readonly (readonly [number, number])[] = [
    [0xd075, 9.3],
    [0xd07e, 9.4],
    [0xd087, 9.5],
    [0xd093, 9.6],
    [0xd097, 10],
    [0xd098, 11],
    [0xd101, 12],
    [0xd106, 13],
    [0xd10d, 14],
    [0xd110, 15],
    [0xd113, 16],
    [0xd116, 17],
    [0xd118, 18],
    [0xd121, 19],
  ];
  for (const [magic, version] of versions) {
    assert.equal(parseSegmentHeader(page({ magic })).majorVersion, version);
  }
});

test('a magic that nobody knows yet is no error, and its new flags are not judged', () => {
  for (const magic of [0xd0ff, 0xd122, 0xd200]) {
    const header = parseSegmentHeader(page({ magic, infoBits: 0x0012 }));
    assert.equal(header.majorVersion, undefined);
    assert.equal(header.magic, magic);
  }
});

test('a page that no PostgreSQL wrote is refused with what was expected and what was found', () => {
  for (const [fields, message] of [
    [{ magic: 0 }, /magic 0000 \(a page of zeros\), but WAL has D075/],
    [{ magic: 0xd071 }, /magic D071, but WAL has D075 \(PostgreSQL 9\.3\) or above/],
    [{ magic: 0x10d1 }, /magic 10D1, but WAL has D075/],
    [{ infoBits: 0x0001 }, /flags 0001, without the long header \(0002\)/],
    [{ infoBits: 0x0012 }, /flags 0012, but PostgreSQL 15 knows only 000F/],
    [{ magic: 0xd122, infoBits: 0 }, /flags 0000, without the long header/],
    [{ timeline: 0 }, /timeline 0, which does not exist/],
    [{ system: 0n }, /system identifier 0, which no cluster has/],
    [{ segmentBytes: 0 }, /segments of 0 bytes/],
    [{ segmentBytes: MiB / 2 }, /segments of 524288 bytes/],
    [{ segmentBytes: 2048 * MiB }, /segments of 2147483648 bytes/],
    [{ segmentBytes: 16 * MiB + 1 }, /segments of 16777217 bytes/],
    [{ blockBytes: 0 }, /WAL pages of 0 bytes/],
    [{ blockBytes: 131072 }, /WAL pages of 131072 bytes/],
    [{ blockBytes: 8191 }, /WAL pages of 8191 bytes/],
  ] as const) {
    assert.throws(() => parseSegmentHeader(page(fields)), invalid(message));
  }
});

test('an empty file and a page of zeros are refused', () => {
  assert.throws(() => parseSegmentHeader(new Uint8Array(0)), invalid(/only 0 are there/));
  assert.throws(() => parseSegmentHeader(new Uint8Array(8192)), invalid(/a page of zeros/));
});

const name = '000000010000000000000003';
const header = parseSegmentHeader(page());
const facts = { name, fileBytes: 16 * MiB, header, systemIdentifier: header.systemIdentifier };

test('a segment that is what its name says passes, whole or partial, with or without a known cluster', () => {
  checkSegment(facts);
  checkSegment({ name, fileBytes: 16 * MiB, header });
  checkSegment({ ...facts, name: `${name}.partial` });
});

test('a segment passes for every legal size', () => {
  for (const segmentBytes of legalSegmentBytes) {
    checkSegment({
      name,
      fileBytes: segmentBytes,
      header: parseSegmentHeader(page({ segmentBytes, lsn: 3n * BigInt(segmentBytes) })),
    });
  }
});

test('the first segment of a new timeline may begin with a page of its parent', () => {
  checkSegment({ ...facts, name: '000000050000000000000003' });
});

test('a page of a later timeline than the name is refused', () => {
  assert.throws(
    () => checkSegment({ ...facts, header: parseSegmentHeader(page({ timeline: 2 })) }),
    invalid(`${name} is of timeline 1, but its first page is of the later timeline 2`),
  );
});

test('a recycled, renamed or swapped file is told by where its first page says it begins', () => {
  assert.throws(() => checkSegment({ ...facts, header: parseSegmentHeader(page({ lsn: 0x500_0000n })) }), {
    ...invalid(`${name} says it begins at 0/3000000, but its first page says 0/5000000`),
    hint: /recycled, renamed or swapped/,
  });
});

test('a file of the wrong length is refused, and the hint tells short from long', () => {
  assert.throws(() => checkSegment({ ...facts, fileBytes: 16 * MiB - 1 }), {
    ...invalid(`${name} has 16777215 bytes, but its first page says segments of 16777216`),
    hint: /cut short/,
  });
  assert.throws(() => checkSegment({ ...facts, fileBytes: 16 * MiB + 1 }), {
    ...invalid(`${name} has 16777217 bytes, but its first page says segments of 16777216`),
    hint: /More than one segment/,
  });
});

test("another cluster's segment is foreign, even where its place does not fit either", () => {
  assert.throws(
    () =>
      checkSegment({
        ...facts,
        header: parseSegmentHeader(page({ lsn: 0x500_0000n })),
        systemIdentifier: parseSystemIdentifier(42n),
      }),
    refusal(
      'archive-foreign',
      `${name} is of the cluster with system identifier 7390000000000000001, not of 42`,
    ),
  );
});

test('a name that the segment size cannot make is refused', () => {
  const segmentBytes = parseSegmentBytes(64 * MiB);
  assert.throws(
    () =>
      checkSegment({
        name: '000000010000000000000040',
        fileBytes: segmentBytes,
        header: parseSegmentHeader(page({ segmentBytes })),
      }),
    invalid(/^000000010000000000000040 cannot be the name of a segment of 67108864 bytes/),
  );
});

test('only segments and partial segments have a header to check', () => {
  for (const other of ['00000002.history', `${name}.00000028.backup`, 'RECOVERYXLOG', '']) {
    assert.throws(
      () => checkSegment({ ...facts, name: other }),
      refusal('wal-name-invalid', /is not the name of a WAL segment$/),
    );
  }
});
