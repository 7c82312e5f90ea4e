import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backupNameOf, parseBackupName } from '../../../lib/core/archive/backup-name.ts';
import { parseLsn } from '../../../lib/core/wal/lsn.ts';
import {
  offsetInSegment,
  parseSegmentBytes,
  parseTimelineId,
  segmentOfLsn,
} from '../../../lib/core/wal/segment.ts';
import { MiB } from '../wal/arbitraries.ts';

const segmentName = '000000010000000000000003';
const parentSegmentName = '000000010000000000000001';

test('full backups, deltas and backups with an offset are told by their names', () => {
  const full = `base_${segmentName}`;
  assert.deepEqual(parseBackupName(full), { kind: 'full', name: full, segmentName });
  const delta = `base_${segmentName}_D_${parentSegmentName}`;
  assert.deepEqual(parseBackupName(delta), { kind: 'delta', name: delta, segmentName, parentSegmentName });
  const offset = `base_${segmentName}_00000040`;
  assert.deepEqual(parseBackupName(offset), {
    kind: 'offset',
    name: offset,
    segmentName,
    offset: '00000040',
  });
});

test('a delta with an offset, which the layout allows, stays a delta', () => {
  const name = `base_${segmentName}_D_${parentSegmentName}_00000040`;
  assert.deepEqual(parseBackupName(name), {
    kind: 'delta',
    name,
    segmentName,
    parentSegmentName,
    offset: '00000040',
  });
});

test('everything else is no backup name', () => {
  for (const name of [
    '',
    'base_',
    'LATEST',
    segmentName,
    `base_${segmentName}\n`,
    `base_${segmentName.slice(1)}`,
    `base_${segmentName}_`,
    `base_${segmentName}_0000040`,
    `base_${segmentName}_0000004g`,
    `base_${segmentName}_00000040_00000040`,
    `base_${segmentName}_D_`,
    `base_${segmentName}/..`,
    `x/base_${segmentName}`,
    'base_000000000000000000000003',
    'base_00000001000000000000000a',
    'base_000000010000000000001000',
    `base_${segmentName}_D_000000000000000000000001`,
  ]) {
    assert.equal(parseBackupName(name), undefined, JSON.stringify(name));
  }
});

test('a backup is named by its segment, and the second one in a segment by its offset too', () => {
  const bytes = parseSegmentBytes(16 * MiB);
  const startLsn = parseLsn('0/3A00028');
  const segment = segmentOfLsn(parseTimelineId(1), startLsn, bytes);
  assert.equal(backupNameOf(segment), `base_${segmentName}`);
  const second = backupNameOf(segment, offsetInSegment(startLsn, bytes));
  assert.equal(second, `base_${segmentName}_00A00028`);
  assert.deepEqual(parseBackupName(second), {
    kind: 'offset',
    name: second,
    segmentName,
    offset: '00A00028',
  });
});

test('an offset outside of every segment is our own bug', () => {
  const segment = segmentOfLsn(parseTimelineId(1), parseLsn('0/3000000'), parseSegmentBytes(16 * MiB));
  for (const offset of [-1, 0.5, 2 ** 30]) {
    assert.throws(() => backupNameOf(segment, offset), { name: 'AssertionError' });
  }
});
