import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatLsn, lsnOf, parseLsn } from '../../../lib/core/wal/lsn.ts';
import { anyLsn, refusal } from './arbitraries.ts';

test('an LSN is written as PostgreSQL writes it: upper case, no padding', () => {
  assert.equal(formatLsn(lsnOf(0x16_b374_d848n)), '16/B374D848');
  assert.equal(formatLsn(lsnOf(0n)), '0/0');
  assert.equal(formatLsn(lsnOf(0x1_0000_0028n)), '1/28');
  assert.equal(formatLsn(lsnOf(0xffff_ffff_ffff_ffffn)), 'FFFFFFFF/FFFFFFFF');
});

test('an LSN is read in either case and with leading zeros', () => {
  assert.equal(parseLsn('16/b374d848'), 0x16_b374_d848n);
  assert.equal(parseLsn('00000000/0003000A'), 0x3000an);
});

test('every LSN comes back from its text', () => {
  fc.assert(fc.property(anyLsn, (lsn) => parseLsn(formatLsn(lsn)) === lsn));
});

test('text that PostgreSQL would not take for an LSN is refused', () => {
  for (const text of [
    '',
    '/',
    '0',
    '0/',
    '/0',
    '123456789/0',
    '0/123456789',
    '0/G',
    ' 0/0',
    '0/0\n',
    '-1/0',
    '0x1/0',
    '0/0/0',
  ]) {
    assert.throws(() => parseLsn(text), refusal('value-invalid', /is no LSN$/), text);
  }
});

test('a number outside of 64 bits is no LSN', () => {
  assert.throws(() => lsnOf(-1n), refusal('value-invalid', /^-1 is no LSN/));
  assert.throws(() => lsnOf(1n << 64n), refusal('value-invalid', /^18446744073709551616 is no LSN/));
});
