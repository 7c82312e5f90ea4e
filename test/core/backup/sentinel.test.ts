import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BackupSentinel, formatSentinel, parseSentinel } from '../../../lib/core/backup/sentinel.ts';
import { lsnOf, parseLsn } from '../../../lib/core/wal/lsn.ts';
import { parseSegmentBytes } from '../../../lib/core/wal/segment.ts';
import { parseSystemIdentifier } from '../../../lib/core/wal/system-identifier.ts';
import { MiB, refusal } from '../wal/arbitraries.ts';

const name = 'base_000000010000000000000003';

// In the form of WAL-G 3.0's BackupSentinelDtoV2, a delta with a tablespace, so that every field is there.
const walG =
  '{"LSN":50331688,"DeltaLSN":33554472,"DeltaFrom":"base_000000010000000000000002",' +
  '"DeltaFullName":"base_000000010000000000000001","DeltaCount":2,"PgVersion":170002,"FinishLSN":50331944,' +
  '"SystemIdentifier":7439846182437945713,"UncompressedSize":9007199254740991,"CompressedSize":2048,' +
  '"DataCatalogSize":8192,"Spec":{"16386":{"loc":"/mnt/ts1","link":"pg_tblspc/16386"},' +
  '"base_prefix":"/data","tablespaces":["16386"]},"UserData":{"ticket":[1,"x"]},' +
  '"FilesMetadataDisabled":true,"ChkpNum":null,"Version":2,"StartTime":"2026-11-21T04:22:00.123Z",' +
  '"FinishTime":"2026-11-21T04:23:00.456Z","DateFmt":"%Y-%m-%dT%H:%M:%S.%fZ","Hostname":"db1","DataDir":"/data",' +
  '"IsPermanent":true}';

const full: BackupSentinel = {
  backupName: name,
  writtenBy: 'wal-g',
  startLsn: lsnOf(50_331_688n),
  stopLsn: lsnOf(50_331_944n),
  startedAt: new Date('2026-11-21T04:22:00.123Z'),
  finishedAt: new Date('2026-11-21T04:23:00.456Z'),
  pgVersion: 170_002,
  systemIdentifier: parseSystemIdentifier('7439846182437945713'),
  hostname: 'db1',
  dataDirectory: '/data',
  uncompressedBytes: Number.MAX_SAFE_INTEGER,
  compressedBytes: 2048,
  dataDirectoryBytes: 8192,
  isPermanent: true,
  tablespaces: {
    basePrefix: '/data',
    tablespaces: [{ oid: 16386, location: '/mnt/ts1', link: 'pg_tblspc/16386' }],
  },
  delta: {
    from: 'base_000000010000000000000002',
    fullName: 'base_000000010000000000000001',
    fromLsn: lsnOf(33_554_472n),
    count: 2,
  },
  filesMetadataDisabled: true,
  userData: { ticket: [1, 'x'] },
};

const invalid = (message: RegExp) => refusal('archive-document-invalid', message);

test("every field of WAL-G's sentinel is read, 64-bit integers to the last digit", () => {
  assert.deepEqual(parseSentinel(name, walG), full);
});

test("a sentinel is written in WAL-G's own words", () => {
  assert.equal(formatSentinel(full), walG);
});

test('what is unknown is written as WAL-G writes it, and read as unknown', () => {
  const bare: BackupSentinel = {
    backupName: name,
    writtenBy: 'wal-g',
    isPermanent: false,
    filesMetadataDisabled: false,
  };
  assert.equal(
    formatSentinel(bare),
    '{"LSN":null,"PgVersion":0,"FinishLSN":null,"SystemIdentifier":null,"UncompressedSize":0,"CompressedSize":0,' +
      '"ChkpNum":null,"Version":2,"StartTime":"0001-01-01T00:00:00Z","FinishTime":"0001-01-01T00:00:00Z",' +
      '"DateFmt":"%Y-%m-%dT%H:%M:%S.%fZ","Hostname":"","DataDir":"","IsPermanent":false}',
  );
  const read = parseSentinel(name, formatSentinel(bare));
  assert.deepEqual(
    [read.startLsn, read.stopLsn, read.startedAt, read.finishedAt, read.pgVersion, read.systemIdentifier],
    Array.from({ length: 6 }, () => undefined),
  );
});

test('the sentinels of old WAL-G versions are read', () => {
  const old = parseSentinel(
    name,
    `{"LSN":null,"PgVersion":90600,"FinishLSN":null,"SystemIdentifier":0,"UserData":null,"TarFileSets":{},
      "Files":{"/base/1/1":{"IsSkipped":false}},"DeltaFrom":null,"Spec":null,
      "spec":{"base_prefix":"/data/","tablespaces":[]}}`,
  );
  assert.equal(old.startLsn, undefined);
  assert.equal(old.pgVersion, 90_600);
  assert.equal(old.systemIdentifier, undefined);
  assert.equal(old.userData, undefined);
  assert.equal(old.delta, undefined);
  assert.equal(old.isPermanent, false);
  assert.equal(old.filesMetadataDisabled, false);
  assert.deepEqual(old.tablespaces, { basePrefix: '/data', tablespaces: [] });
});

test('the largest numbers of 64 bits are read and written, and larger ones refused', () => {
  const largest = '18446744073709551615';
  const read = parseSentinel(name, `{"LSN":${largest},"SystemIdentifier":${largest}}`);
  assert.equal(read.startLsn, parseLsn('FFFFFFFF/FFFFFFFF'));
  assert.equal(read.systemIdentifier, 18_446_744_073_709_551_615n);
  assert.match(formatSentinel(read), /"LSN":18446744073709551615,/);
  assert.throws(() => parseSentinel(name, '{"LSN":18446744073709551616}'), invalid(/field LSN/));
  assert.throws(() => parseSentinel(name, '{"LSN":-1}'), invalid(/field LSN/));
  assert.throws(
    () => parseSentinel(name, '{"SystemIdentifier":18446744073709551616}'),
    invalid(/sentinel of base_000000010000000000000003, field SystemIdentifier/),
  );
});

test('a delta must name the backups that it stands on', () => {
  const without = (field: string): string => walG.replace(`"${field}"`, `"x${field}"`);
  for (const field of ['DeltaFullName', 'DeltaCount', 'DeltaLSN']) {
    assert.throws(() => parseSentinel(name, without(field)), invalid(new RegExp(`field ${field}`)));
  }
  assert.deepEqual(
    parseSentinel(name, walG.replace('"DeltaLSN"', '"DeltaFromLSN"')).delta?.fromLsn,
    full.delta?.fromLsn,
    'as it was called once',
  );
  for (const other of ['../base_000000010000000000000002', '', 'base_x']) {
    const text = walG.replace('"DeltaFrom":"base_000000010000000000000002"', `"DeltaFrom":"${other}"`);
    assert.throws(() => parseSentinel(name, text), invalid(/no backup's name/));
  }
});

test('what is not a sentinel is refused with its name', () => {
  for (const text of [
    '',
    '[]',
    '{"LSN":"0/3000028"}',
    '{"StartTime":"yesterday"}',
    '{"IsPermanent":1}',
    '{"Spec":1}',
  ]) {
    assert.throws(() => parseSentinel(name, text), invalid(/the sentinel of base_000000010000000000000003/));
  }
});

const walE = (stopSegment: string, stopOffset: string): string =>
  `{"wal_segment_backup_stop":"${stopSegment}","wal_segment_offset_backup_stop":"${stopOffset}",
    "expanded_size_bytes":4096,"spec":{"base_prefix":"/data/","tablespaces":[]}}`;
const walEName = 'base_00000001000000020000000A_00000040';
const segmentBytes = parseSegmentBytes(16 * MiB);

test("WAL-E's sentinel tells its places by segment and decimal offset", () => {
  const sentinel = parseSentinel(walEName, walE('00000001000000020000000B', '00000256'), segmentBytes);
  assert.deepEqual(sentinel, {
    backupName: walEName,
    writtenBy: 'wal-e',
    startLsn: parseLsn('2/A000028'),
    stopLsn: parseLsn('2/B000100'),
    uncompressedBytes: 4096,
    isPermanent: false,
    filesMetadataDisabled: true,
    tablespaces: { basePrefix: '/data', tablespaces: [] },
  });
});

test('a stop at offset 0 is the end of the segment that WAL-E names, not its begin', () => {
  const { stopLsn } = parseSentinel(walEName, walE('00000001000000020000000B', '00000000'), segmentBytes);
  assert.equal(stopLsn, parseLsn('2/C000000'));
});

test("WAL-E's places stay unknown without a segment size, or in a name without offset", () => {
  const text = walE('00000001000000020000000B', '00000256');
  assert.equal(parseSentinel(walEName, text).startLsn, undefined);
  assert.equal(parseSentinel(name, text, segmentBytes).stopLsn, undefined);
  assert.equal(parseSentinel('elsewhere', text, segmentBytes).stopLsn, undefined);
});

test("WAL-E's places must exist in a cluster with such segments", () => {
  for (const [segment, offset] of [
    ['00000001000000020000000B', '16777216'],
    ['00000001000000020000000B', '0000010A'],
    ['00000001000000020000000B', '-1'],
    ['000000010000000200000100', '00000256'],
    ['x', '00000256'],
  ] as const) {
    assert.throws(() => parseSentinel(walEName, walE(segment, offset), segmentBytes), invalid(/no place/));
  }
  assert.throws(
    () => parseSentinel(walEName, '{"wal_segment_backup_stop":"x"}'),
    invalid(/offset_backup_stop/),
  );
});

test("nobody writes WAL-E's sentinels", () => {
  assert.throws(() => formatSentinel({ ...full, writtenBy: 'wal-e' }), /nobody writes WAL-E's sentinels/);
});
