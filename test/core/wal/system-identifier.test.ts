import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatSystemIdentifier, parseSystemIdentifier } from '../../../lib/core/wal/system-identifier.ts';
import { refusal } from './arbitraries.ts';

test('a system identifier keeps every digit, beyond 2^53 and up to 64 bits', () => {
  for (const text of ['7', '7390000000000000001', '18446744073709551615']) {
    assert.equal(formatSystemIdentifier(parseSystemIdentifier(text)), text);
    assert.equal(parseSystemIdentifier(BigInt(text)), BigInt(text));
  }
});

test('what is not a decimal number of 1 to 64 bits is no system identifier', () => {
  for (const text of [
    '',
    '0',
    '007',
    '-7',
    '0x7',
    '7 ',
    '1e3',
    '18446744073709551616',
    '99999999999999999999999',
    0n,
    -7n,
    1n << 64n,
  ]) {
    assert.throws(
      () => parseSystemIdentifier(text),
      refusal('value-invalid', /is no system identifier$/),
      String(text),
    );
  }
});
