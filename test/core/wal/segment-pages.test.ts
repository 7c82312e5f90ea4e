import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseTimelineId } from '../../../lib/core/wal/segment.ts';
import { segmentPages } from '../../../lib/core/wal/segment-pages.ts';
import { refusal } from './arbitraries.ts';

const pageBytes = 8192;
const segmentBytes = 2 ** 20;
const begin = 0x500_0000n;

type PageFields = { magic?: number; infoBits?: number; timeline?: number; lsn?: bigint };

/** Writes one short page header (XLogPageHeaderData) by its offsets; nothing of the reader is used. */
const writePage = (segment: Uint8Array, page: number, fields: PageFields = {}): void => {
  const view = new DataView(segment.buffer, page * pageBytes, 40);
  view.setUint16(0, fields.magic ?? 0xd116, true);
  view.setUint16(2, fields.infoBits ?? (page === 0 ? 2 : 1), true);
  view.setUint32(4, fields.timeline ?? 3, true);
  view.setBigUint64(8, fields.lsn ?? begin + BigInt(page * pageBytes), true);
};

const wholeSegment = (): Uint8Array => {
  const segment = new Uint8Array(segmentBytes).fill(0xa5);
  for (let page = 0; page < segmentBytes / pageBytes; page += 1) writePage(segment, page);
  const view = new DataView(segment.buffer);
  view.setBigUint64(24, 7_390_000_000_000_000_001n, true);
  view.setUint32(32, segmentBytes, true);
  view.setUint32(36, pageBytes, true);
  return segment;
};

const judge = (segment: Uint8Array, chunkBytes = 65_536): void => {
  const pages = segmentPages(parseTimelineId(3));
  for (let at = 0; at < segment.length; at += chunkBytes) pages.accept(segment.subarray(at, at + chunkBytes));
};

const changed = (change: (segment: Uint8Array) => void): Uint8Array => {
  const segment = wholeSegment();
  change(segment);
  return segment;
};

const isRefused = (segment: Uint8Array, message: RegExp): void =>
  assert.throws(() => judge(segment), refusal('wal-content-invalid', message));

test('a whole segment passes, however its content is cut into chunks', () => {
  const segment = wholeSegment();
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40_000 }), (chunkBytes) => judge(segment, chunkBytes)),
    { numRuns: 20, examples: [[1], [24], [40], [pageBytes]] },
  );
});

test('content that ends within its first header is left to whoever knows the length', () => {
  judge(wholeSegment().subarray(0, 39));
});

test('a first page that is none is refused', () => {
  isRefused(new Uint8Array(100), /zeros/);
});

test('unused pages after a switch, and pages of an older segment in a recycled file, may end a segment', () => {
  judge(changed((segment) => segment.fill(0, 10 * pageBytes)));
  judge(
    changed((segment) => {
      for (let page = 10; page < 128; page += 1) {
        if (page === 50) segment.fill(0, page * pageBytes, (page + 1) * pageBytes);
        else writePage(segment, page, { lsn: 0x100_0000n + BigInt(page * pageBytes) });
      }
    }),
  );
});

test('a timeline may begin within a segment', () => {
  judge(
    changed((segment) => {
      for (let page = 0; page < 60; page += 1) writePage(segment, page, { timeline: 2 });
    }),
  );
});

test('a page of the segment behind an unused, an older or a lost one is refused', () => {
  isRefused(
    changed((segment) => segment.fill(0, 10 * pageBytes, 12 * pageBytes)),
    /^the page at byte 98304 belongs to the segment, but the one at byte 81920 before it does not$/,
  );
  isRefused(
    changed((segment) => writePage(segment, 10, { lsn: begin })),
    /byte 90112 belongs to the segment, but the one at byte 81920/,
  );
});

test('a page from further on in the WAL is refused', () => {
  isRefused(
    changed((segment) => writePage(segment, 127, { lsn: begin + BigInt(segmentBytes) })),
    /^the page at byte 1040384 says it is at 0\/5100000, but lies at 0\/50FE000$/,
  );
});

test('a page with another magic, a long header or an impossible timeline is refused', () => {
  isRefused(
    changed((segment) => writePage(segment, 7, { magic: 0xd106 })),
    /byte 57344 has magic D106, but the first page has D116/,
  );
  isRefused(
    changed((segment) => writePage(segment, 7, { infoBits: 2 })),
    /byte 57344 has the long header/,
  );
  for (const timeline of [2, 4]) {
    isRefused(
      changed((segment) => writePage(segment, 7, { timeline })),
      new RegExp(`is of timeline ${timeline}, not of 3 to 3`),
    );
  }
});

test('noise in place of any page but the first is refused', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 127 }),
      fc.uint8Array({ minLength: 24, maxLength: 24 }).filter((bytes) => bytes[0] !== 0x16 && bytes[0] !== 0),
      (page, noise) => assert.throws(() => judge(changed((segment) => segment.set(noise, page * pageBytes)))),
    ),
    { numRuns: 50 },
  );
});
