import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes, formatDuration, formatTable, visible } from '../../../agent/host/output.ts';

test('bytes are written with one decimal of the unit that fits', () => {
  for (const [bytes, text] of [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1.5 * 2 ** 30, '1.5 GiB'],
    [2 ** 20 - 1, '1.0 MiB'],
    [2n ** 64n, '16.0 EiB'],
    [-2048, '-2.0 KiB'],
  ] as const) {
    assert.equal(formatBytes(bytes), text);
  }
});

test('durations are written with two units at most', () => {
  for (const [seconds, text] of [
    [0, '0.0 s'],
    [0.44, '0.4 s'],
    [9.96, '10 s'],
    [59.6, '1 min 00 s'],
    [185, '3 min 05 s'],
    [3600, '1 h 00 min'],
    [86_399.7, '1 d 0 h'],
    [-90, '-1 min 30 s'],
    [Number.POSITIVE_INFINITY, 'unknown'],
  ] as const) {
    assert.equal(formatDuration(seconds), text);
  }
});

test('a table lines its columns up, numbers to the right, and leaves no blanks at the ends', () => {
  const table = formatTable(
    [{ heading: 'NAME' }, { heading: 'BYTES', align: 'right' }, { heading: 'NOTE' }],
    [
      ['base_1', '10', 'kept'],
      ['größe', '1000000', ''],
    ],
  );
  assert.equal(table, 'NAME      BYTES  NOTE\nbase_1       10  kept\ngröße   1000000');
});

test('a name from an archive cannot steer the terminal or break its row', () => {
  assert.equal(
    visible('a\u001b[2J\nb\u202ec\u0000\u{e0041}\ud800'),
    'a\\u001b[2J\\nb\\u202ec\\u0000\\u{e0041}\\ud800',
  );
  assert.equal(visible('Größe 表 \u{1f418} \\n'), 'Größe 表 \u{1f418} \\n');
  assert.equal(formatTable([{ heading: 'N' }], [['x\ny']]).split('\n').length, 2);
});
