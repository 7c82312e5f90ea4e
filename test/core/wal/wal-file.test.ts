import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWalFileName } from '../../../lib/core/wal/wal-file.ts';

const segmentName = '0000000A00000016000000B3';

test('each of the four kinds of WAL file is told by its name', () => {
  assert.deepEqual(parseWalFileName(segmentName), { kind: 'segment', name: segmentName, timelineId: 10 });
  assert.deepEqual(parseWalFileName(`${segmentName}.partial`), {
    kind: 'partial',
    name: `${segmentName}.partial`,
    segmentName,
    timelineId: 10,
  });
  assert.deepEqual(parseWalFileName('0000000A.history'), {
    kind: 'timeline-history',
    name: '0000000A.history',
    timelineId: 10,
  });
  assert.deepEqual(parseWalFileName(`${segmentName}.00000028.backup`), {
    kind: 'backup-history',
    name: `${segmentName}.00000028.backup`,
    segmentName,
    timelineId: 10,
    startOffset: 0x28,
  });
});

test('the greatest numbers that any cluster can name are read', () => {
  assert.equal(parseWalFileName('FFFFFFFFFFFFFFFF00000FFF')?.timelineId, 0xffff_ffff);
  assert.equal(parseWalFileName('FFFFFFFF.history')?.timelineId, 0xffff_ffff);
  const backup = parseWalFileName(`${segmentName}.3FFFFFFF.backup`);
  assert(backup?.kind === 'backup-history');
  assert.equal(backup.startOffset, 2 ** 30 - 1);
});

test('a name that is off by anything is no WAL file', () => {
  for (const name of [
    '',
    segmentName.toLowerCase(),
    `${segmentName}0`,
    segmentName.slice(1),
    `${segmentName}\n`,
    `\n${segmentName}`,
    `../${segmentName}`,
    `${segmentName}.lz4`,
    `${segmentName}.PARTIAL`,
    `${segmentName}.partial.partial`,
    `${segmentName}.00000028`,
    `${segmentName}.0000028.backup`,
    `${segmentName}.0000002g.backup`,
    `${segmentName}.history`,
    '0000000a.history',
    '000000A.history',
    'RECOVERYXLOG',
    '__proto__',
  ]) {
    assert.equal(parseWalFileName(name), undefined, JSON.stringify(name));
  }
});

test('a name that no cluster of any segment size can make is no WAL file', () => {
  for (const name of [
    '000000000000001600000003',
    '00000000.history',
    '000000010000001600001000',
    '000000010000001600001000.partial',
    `${segmentName}.40000000.backup`,
  ]) {
    assert.equal(parseWalFileName(name), undefined, name);
  }
});
