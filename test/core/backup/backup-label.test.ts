import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBackupHistory, parseBackupLabel } from '../../../lib/core/backup/backup-label.ts';
import { parseLsn } from '../../../lib/core/wal/lsn.ts';
import { refusal } from '../wal/arbitraries.ts';

// Written by PostgreSQL 15.
const label = `START WAL LOCATION: 0/2000028 (file 000000010000000000000002)
CHECKPOINT LOCATION: 0/2000060
BACKUP METHOD: streamed
BACKUP FROM: primary
START TIME: 2026-11-21 04:33:28 UTC
LABEL: pg_basebackup base backup
START TIMELINE: 1
`;

const history = label
  .replace('CHECKPOINT', 'STOP WAL LOCATION: 0/2000138 (file 000000010000000000000002)\nCHECKPOINT')
  .concat('STOP TIME: 2026-11-21 04:33:29 UTC\nSTOP TIMELINE: 1\n');

const damaged = refusal('archive-document-invalid', /./);

test('backup_label says where recovery starts', () => {
  assert.deepEqual(parseBackupLabel(label), {
    startLsn: parseLsn('0/2000028'),
    startSegmentName: '000000010000000000000002',
    checkpointLsn: parseLsn('0/2000060'),
    method: 'streamed',
    from: 'primary',
    startedAtText: '2026-11-21 04:33:28 UTC',
    label: 'pg_basebackup base backup',
    startTimelineId: 1,
  });
});

test('a backup history file says where the backup stopped, too', () => {
  const { startLsn, stopLsn, stopSegmentName, stoppedAtText, stopTimelineId } = parseBackupHistory(history);
  assert.deepEqual(
    { startLsn, stopLsn, stopSegmentName, stoppedAtText, stopTimelineId },
    {
      startLsn: parseLsn('0/2000028'),
      stopLsn: parseLsn('0/2000138'),
      stopSegmentName: '000000010000000000000002',
      stoppedAtText: '2026-11-21 04:33:29 UTC',
      stopTimelineId: 1,
    },
  );
});

test('the labels of standbys and of older primaries are understood', () => {
  const from = (who: string): string => parseBackupLabel(label.replace('FROM: primary', `FROM: ${who}`)).from;
  assert.equal(from('standby'), 'standby');
  assert.equal(from('master'), 'primary');
});

test('the timeline is in the segment name where older versions do not say it', () => {
  const old = label
    .replace('START TIMELINE: 1\n', '')
    .replace('00000001000000000000000', '0000000A000000000000000');
  assert.equal(parseBackupLabel(old).startTimelineId, 10);
  assert.equal(parseBackupHistory(history.replace('STOP TIMELINE: 1\n', '')).stopTimelineId, 1);
});

test('an incremental backup of PostgreSQL 17 is read', () => {
  assert.equal(
    parseBackupLabel(`${label}INCREMENTAL FROM LSN: 0/1000028\nINCREMENTAL FROM TLI: 1\n`).startTimelineId,
    1,
  );
});

test('a label that holds line breaks cannot move the backup', () => {
  const forged = label.replace(
    'LABEL: pg_basebackup base backup',
    'LABEL: nightly\nSTART WAL LOCATION: 0/9000028 (file 000000010000000000000009)\nCHECKPOINT LOCATION: 0/9000060',
  );
  const { startLsn, checkpointLsn, label: name } = parseBackupLabel(forged);
  assert.deepEqual(
    [startLsn, checkpointLsn, name],
    [parseLsn('0/2000028'), parseLsn('0/2000060'), 'nightly'],
  );
});

test('a damaged label is refused', () => {
  for (const text of [
    '',
    label.replace('START WAL LOCATION', 'START'),
    label.replace('0/2000028', '2000028'),
    label.replace('(file 000000010000000000000002)', ''),
    label.replace('file 00000001', 'file 00000000'),
    label.replace('0/2000060', 'x'),
    label.replace('LABEL: ', ''),
    label.replace('START TIMELINE: 1', 'START TIMELINE: 2'),
  ]) {
    assert.throws(() => parseBackupLabel(text), damaged, text);
  }
  for (const text of [
    label,
    history.replace('STOP TIMELINE: 1', 'STOP TIMELINE: 0'),
    history.replace('STOP TIMELINE: 1', 'STOP TIMELINE: one'),
    history.replace('STOP TIMELINE: 1', 'STOP TIMELINE: 4294967296'),
    history.replace('STOP TIME: ', ''),
  ]) {
    assert.throws(() => parseBackupHistory(text), damaged, text);
  }
});
