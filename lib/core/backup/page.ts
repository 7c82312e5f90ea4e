import assert from 'node:assert/strict';
import type { Lsn } from '../wal/lsn.ts';

/**
 * Checksums of PostgreSQL's data pages, as src/include/storage/checksum_impl.h defines them: the page is a table of
 * 32-bit words with 32 columns, each column is hashed by its own FNV-1a-like sum, the sums are folded together, and
 * the block number is mixed in so that a page in the wrong place is noticed.
 */

/** BLCKSZ of every build that is distributed. Another size needs another agent; `SHOW block_size` tells. */
export const pageBytes = 8192;

/** Pages in one file of a relation (RELSEG_SIZE: 1 GiB), so file `.2` begins at block 2 * 131,072. */
export const pagesPerRelationSegment = 131_072;

// PageHeaderData in src/include/storage/bufpage.h: pd_lsn in two words, pd_checksum, pd_flags, pd_lower, pd_upper, ...
const checksumOffset = 8;
const upperOffset = 14;

const columns = 32;
const pageWords = pageBytes / 4;

// Four columns a row: the first one's number, and the start values of all four from checksum_impl.h, which
// are part of the on-disk format. Four sums at a time keep the processor's multiplier busy and still fit its registers.
const columnGroups = [
  [0, 0x5b1f36e9, 0xb8525960, 0x02ab50aa, 0x1de66d2a],
  [4, 0x79ff467a, 0x9bb9f8a3, 0x217e7cd2, 0x83e13d2c],
  [8, 0xf8d4474f, 0xe39eb970, 0x42c6ae16, 0x993216fa],
  [12, 0x7b093b5d, 0x98daff3c, 0xf718902a, 0x0b1c9cdb],
  [16, 0xe58f764b, 0x187636bc, 0x5d7b3bb1, 0xe73de7de],
  [20, 0x92bec979, 0xcca6c0b2, 0x304a0979, 0x85aa43d4],
  [24, 0x783125bb, 0x6ca8eaa2, 0xe407eac6, 0x4b5cfc3e],
  [28, 0x9fbf8c76, 0x15ca20be, 0xf2ca9fd3, 0x959bd756],
] as const;
const fnvPrime = 16777619;

// Every page is copied here first: that aligns its words, the checksum field is zeroed without touching the caller's
// bytes, and no page needs a view of its own. Nothing here yields, so one copy serves everybody.
const copy = new Uint8Array(pageBytes);
const copyWords = new Int32Array(copy.buffer);
const header = new DataView(copy.buffer);

/**
 * The steps are written out per column because this loop is the agent's hottest. `Number` changes nothing and is free: it
 * tells the type checker that an index inside of the page has a word, without a branch.
 */
const sumOfCopiedPage = (): number => {
  let folded = 0;
  for (const [column, startA, startB, startC, startD] of columnGroups) {
    let a = startA | 0;
    let b = startB | 0;
    let c = startC | 0;
    let d = startD | 0;
    for (let word = column; word < pageWords; word += columns) {
      a ^= Number(copyWords[word]);
      b ^= Number(copyWords[word + 1]);
      c ^= Number(copyWords[word + 2]);
      d ^= Number(copyWords[word + 3]);
      a = Math.imul(a, fnvPrime) ^ (a >>> 17);
      b = Math.imul(b, fnvPrime) ^ (b >>> 17);
      c = Math.imul(c, fnvPrime) ^ (c >>> 17);
      d = Math.imul(d, fnvPrime) ^ (d >>> 17);
    }
    // Two rounds of zeros mix the last words' bits.
    for (let round = 0; round < 2; round += 1) {
      a = Math.imul(a, fnvPrime) ^ (a >>> 17);
      b = Math.imul(b, fnvPrime) ^ (b >>> 17);
      c = Math.imul(c, fnvPrime) ^ (c >>> 17);
      d = Math.imul(d, fnvPrime) ^ (d >>> 17);
    }
    folded ^= a ^ b ^ c ^ d;
  }
  return folded;
};

const load = (page: Uint8Array): void => {
  assert(page.length === pageBytes, `a data page has ${pageBytes} bytes, not ${page.length}`);
  copy.set(page);
};

const checksumOfCopiedPage = (blockNumber: number): number => {
  header.setUint16(checksumOffset, 0);
  return (((sumOfCopiedPage() ^ blockNumber) >>> 0) % 65_535) + 1;
};

/**
 * The checksum (1 .. 65,535) that a page should carry at byte 8. `blockNumber` counts from the relation's first
 * file, across its segments. The page is not changed.
 */
export const pageChecksum = (page: Uint8Array, blockNumber: number): number => {
  load(page);
  return checksumOfCopiedPage(blockNumber);
};

/**
 * - `sound`: the checksum is right.
 * - `new`: all zeros, as PostgreSQL extends a relation; such a page has no checksum.
 * - `newer-than-backup`: written after the backup began, so it may be torn, and WAL replay puts a whole one in its
 *   place. pg_basebackup does not judge these either (verify_page_checksum in src/backend/backup/basebackup.c).
 * - `damaged`: the checksum is wrong, or the header says "new" over bytes that are not zero (PageIsVerified in
 *   src/backend/storage/page/bufpage.c). Read it once more before believing it: a write may have been under way.
 */
export type PageVerdict = 'sound' | 'new' | 'newer-than-backup' | 'damaged';

/**
 * Judges pages of one backup. Make it once and call it for every page: it allocates nothing per page, which a
 * comparison of LSNs as `bigint` would.
 */
export const pageVerifier = (startLsn: Lsn): ((page: Uint8Array, blockNumber: number) => PageVerdict) => {
  const startHigh = Number(startLsn >> 32n);
  const startLow = Number(startLsn & 0xffff_ffffn);
  return (page, blockNumber) => {
    load(page);
    const isNew = header.getUint16(upperOffset, true) === 0;
    if (isNew && copyWords.every(isZero)) return 'new';
    const high = header.getUint32(0, true);
    const low = header.getUint32(4, true);
    if (high > startHigh || (high === startHigh && low >= startLow)) return 'newer-than-backup';
    if (isNew) return 'damaged';
    const stored = header.getUint16(checksumOffset, true);
    return checksumOfCopiedPage(blockNumber) === stored ? 'sound' : 'damaged';
  };
};

const isZero = (word: number): boolean => word === 0;

/** `pageVerifier` for one page. */
export const verifyPage = (page: Uint8Array, blockNumber: number, startLsn: Lsn): PageVerdict =>
  pageVerifier(startLsn)(page, blockNumber);
