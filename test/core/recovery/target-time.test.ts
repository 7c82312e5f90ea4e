import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recoveryTargetTime } from '../../../lib/core/recovery/target-time.ts';
import { refusal } from '../wal/arbitraries.ts';

test('times are taken as PostgreSQL, ISO 8601 and people write them', () => {
  for (const text of [
    '2026-11-21',
    '2026-11-21 04:22',
    '2026-11-21 04:22:00',
    '2026-11-21 04:22:00.123456+00',
    '2026-11-21T04:22:00-03:30',
    '2026-11-21 04:22:00 +0530',
    '2026-11-21 04:22:00+05:30:15',
    '2026-11-21 04:22:00 UTC',
    '2026-11-21 04:22:00 Europe/Berlin',
    '2028-02-29 23:59:59',
    '2000-02-29 00:00',
  ]) {
    assert.equal(recoveryTargetTime(text), text);
  }
  assert.equal(recoveryTargetTime(' 2026-11-21\n'), '2026-11-21');
});

test('a final Z becomes +00, because PostgreSQL does not know it there', () => {
  assert.equal(recoveryTargetTime('2026-11-21T04:22:00.123Z'), '2026-11-21T04:22:00.123+00');
  assert.equal(recoveryTargetTime('2026-11-21 04:22 Z'), '2026-11-21 04:22+00');
});

test('what could be another moment, or none, is refused', () => {
  for (const text of [
    '',
    'now',
    'yesterday',
    'infinity',
    '02/03/2026',
    '21.11.2026',
    '20261121',
    '1732162920',
    '2026-13-01',
    '2026-00-10',
    '2026-11-00',
    '2026-11-31',
    '2027-02-29',
    '2100-02-29',
    '0026-11-21',
    '2026-11-21 24:00',
    '2026-11-21 04:60',
    '2026-11-21 04:22:60',
    '2026-11-21 4:22',
    '2026-11-21 04:22:00+5',
    "2026-11-21 04:22:00'; x",
    '2026-11-21 04:22:00\n2026-11-22',
  ]) {
    assert.throws(
      () => recoveryTargetTime(text),
      refusal('value-invalid', /is no time to recover to/),
      JSON.stringify(text),
    );
  }
});
