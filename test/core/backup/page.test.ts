import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { pageBytes, pageChecksum, pageVerifier, verifyPage } from '../../../lib/core/backup/page.ts';
import { fieldReader, parseJson } from '../../../lib/core/json.ts';
import { lsnOf, parseLsn } from '../../../lib/core/wal/lsn.ts';

/** Pages that PostgreSQL 15 and 17 wrote with data checksums, with the checksum they carry. */
const realPages = (() => {
  const path = new URL('../../fixtures/data-pages.json', import.meta.url);
  const list = parseJson(readFileSync(path, 'utf8'), 'data-pages.json');
  assert(Array.isArray(list));
  return list.map((value) => {
    const fields = fieldReader(value, 'a real page');
    return {
      name: `${fields.string('cluster')} ${fields.string('file')}`,
      blockNumber: fields.integer('blockNumber'),
      checksum: fields.integer('checksum'),
      lsn: parseLsn(fields.string('lsn')),
      page: new Uint8Array(gunzipSync(Buffer.from(fields.string('gzip'), 'base64'))),
    };
  });
})();

const later = lsnOf(1n << 62n);
const zeroPage = new Uint8Array(pageBytes);

test('the checksum is the one that PostgreSQL wrote into its own pages', () => {
  assert(realPages.length >= 3);
  for (const { name, page, blockNumber, checksum } of realPages) {
    assert.equal(pageChecksum(page, blockNumber), checksum, name);
    assert.equal(verifyPage(page, blockNumber, later), 'sound', name);
  }
});

test('the checksum does not change the page, nor depend on how it lies in memory', () => {
  for (const { page, blockNumber, checksum } of realPages) {
    const shifted = new Uint8Array(pageBytes + 3);
    shifted.set(page, 3);
    const before = Uint8Array.from(shifted);
    assert.equal(pageChecksum(shifted.subarray(3), blockNumber), checksum);
    assert.deepEqual(shifted, before);
  }
});

test('any changed bit below the LSN is damage', () => {
  const anyPage = fc.constantFrom(...realPages);
  fc.assert(
    fc.property(anyPage, fc.integer({ min: 8 * 8, max: pageBytes * 8 - 1 }), (real, bit) => {
      const page = Uint8Array.from(real.page);
      const byte = Math.floor(bit / 8);
      page[byte] = (page[byte] ?? 0) ^ (1 << (bit % 8));
      return verifyPage(page, real.blockNumber, later) === 'damaged';
    }),
  );
});

test('a sound page in the place of another one is damage', () => {
  for (const { page, blockNumber } of realPages) {
    assert.equal(verifyPage(page, blockNumber + 1, later), 'damaged');
    assert.equal(verifyPage(page, blockNumber + 131_072, later), 'damaged');
  }
});

test('a page of zeros is new, and needs no checksum', () => {
  assert.equal(verifyPage(zeroPage, 7, later), 'new');
  assert.equal(verifyPage(zeroPage, 7, lsnOf(0n)), 'new');
});

test('a page whose header says new over bytes that are not zero is damage', () => {
  const page = Uint8Array.from(zeroPage);
  page[8000] = 1;
  assert.equal(verifyPage(page, 0, later), 'damaged');
});

test('a page written since the backup began is left to WAL replay, whatever it holds', () => {
  for (const { page, blockNumber, lsn } of realPages) {
    const torn = Uint8Array.from(page).fill(0xaa, 4096);
    assert.equal(verifyPage(torn, blockNumber, lsn), 'newer-than-backup');
    assert.equal(verifyPage(torn, blockNumber, lsnOf(lsn - 1n)), 'newer-than-backup');
    assert.equal(verifyPage(torn, blockNumber, lsnOf(lsn + 1n)), 'damaged');
  }
});

test('both halves of the LSN decide whether a page is newer', () => {
  const page = Uint8Array.from(zeroPage);
  const header = new DataView(page.buffer);
  const verify = pageVerifier(parseLsn('2/80000000'));
  const verdictAt = (high: number, low: number): string => {
    header.setUint32(0, high, true);
    header.setUint32(4, low, true);
    header.setUint16(14, pageBytes, true);
    return verify(page, 0);
  };
  assert.equal(verdictAt(2, 0x8000_0000), 'newer-than-backup');
  assert.equal(verdictAt(3, 0), 'newer-than-backup');
  assert.equal(verdictAt(0xffff_ffff, 0), 'newer-than-backup');
  assert.equal(verdictAt(2, 0x7fff_ffff), 'damaged');
  assert.equal(verdictAt(1, 0xffff_ffff), 'damaged');
});

test('only whole pages are judged', () => {
  assert.throws(() => pageChecksum(zeroPage.subarray(1), 0), /a data page has 8192 bytes, not 8191/);
  assert.throws(() => verifyPage(new Uint8Array(2 * pageBytes), 0, later), /not 16384/);
});
