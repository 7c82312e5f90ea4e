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

const columns = 32;
const words = pageBytes / 4;

// The start value of each column, from checksum_impl.h. They are part of the on-disk format.
const columnStarts = new Int32Array([
  0x5b1f36e9, 0xb8525960, 0x02ab50aa, 0x1de66d2a, 0x79ff467a, 0x9bb9f8a3, 0x217e7cd2, 0x83e13d2c, 0xf8d4474f,
  0xe39eb970, 0x42c6ae16, 0x993216fa, 0x7b093b5d, 0x98daff3c, 0xf718902a, 0x0b1c9cdb, 0xe58f764b, 0x187636bc,
  0x5d7b3bb1, 0xe73de7de, 0x92bec979, 0xcca6c0b2, 0x304a0979, 0x85aa43d4, 0x783125bb, 0x6ca8eaa2, 0xe407eac6,
  0x4b5cfc3e, 0x9fbf8c76, 0x15ca20be, 0xf2ca9fd3, 0x959bd756,
]);
const fnvPrime = 16777619;

// Every page is copied here first: it aligns the words, lets the checksum field be zeroed without touching the
// caller's bytes, and costs nothing beside the sums. Nothing here yields, so one copy serves everybody.
const copy = new Uint8Array(pageBytes);
const copyWords = new Int32Array(copy.buffer);

/** One step of all sums; written out per column because the loop below is the agent's hottest. */
const sumOfCopiedPage = (): number => {
  let folded = 0;
  for (let column = 0; column < columns; column += 4) {
    let a = columnStarts[column] ?? 0;
    let b = columnStarts[column + 1] ?? 0;
    let c = columnStarts[column + 2] ?? 0;
    let d = columnStarts[column + 3] ?? 0;
    for (let word = column; word < words; word += columns) {
      a ^= copyWords[word] ?? 0;
      b ^= copyWords[word + 1] ?? 0;
      c ^= copyWords[word + 2] ?? 0;
      d ^= copyWords[word + 3] ?? 0;
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
  copy[8] = 0;
  copy[9] = 0;
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

const uint16At = (offset: number): number => (copy[offset] ?? 0) | ((copy[offset + 1] ?? 0) << 8);

/**
 * Judges pages of one backup. Make it once and call it for every page: it allocates nothing per page, which a
 * comparison of LSNs as `bigint` would.
 */
export const pageVerifier = (startLsn: Lsn): ((page: Uint8Array, blockNumber: number) => PageVerdict) => {
  const startHigh = Number(startLsn >> 32n);
  const startLow = Number(startLsn & 0xffff_ffffn);
  return (page, blockNumber) => {
    load(page);
    const isNew = uint16At(14) === 0;
    if (isNew && copyWords.every(isZero)) return 'new';
    const high = (copyWords[0] ?? 0) >>> 0;
    const low = (copyWords[1] ?? 0) >>> 0;
    if (high > startHigh || (high === startHigh && low >= startLow)) return 'newer-than-backup';
    if (isNew) return 'damaged';
    const stored = uint16At(8);
    return checksumOfCopiedPage(blockNumber) === stored ? 'sound' : 'damaged';
  };
};

const isZero = (word: number): boolean => word === 0;

/** `pageVerifier` for one page. */
export const verifyPage = (page: Uint8Array, blockNumber: number, startLsn: Lsn): PageVerdict =>
  pageVerifier(startLsn)(page, blockNumber);
