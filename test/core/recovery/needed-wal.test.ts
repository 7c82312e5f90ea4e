import assert from 'node:assert/strict';
import { test } from 'node:test';
import { neededWalFiles } from '../../../lib/core/recovery/needed-wal.ts';
import { parseTimelineId } from '../../../lib/core/wal/segment.ts';
import { at, segmentBytes } from './archives.ts';

test('a backup needs every segment from its start to the one before its stop, and its history file', () => {
  const wal = { startLsn: at(1.5), stopLsn: at(3), segmentBytes };
  assert.deepEqual(neededWalFiles({ ...wal, timelineId: parseTimelineId(1) }), [
    '000000010000000000000001',
    '000000010000000000000002',
  ]);
  assert.deepEqual(neededWalFiles({ ...wal, timelineId: parseTimelineId(2) }), [
    '00000002.history',
    '000000020000000000000001',
    '000000020000000000000002',
  ]);
});
