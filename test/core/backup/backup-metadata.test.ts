import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type BackupMetadata,
  formatBackupMetadata,
  parseBackupMetadata,
  withPermanence,
} from '../../../lib/core/backup/backup-metadata.ts';
import { inDocument } from '../../../lib/core/backup/document.ts';
import { lsnOf } from '../../../lib/core/wal/lsn.ts';
import { parseSystemIdentifier } from '../../../lib/core/wal/system-identifier.ts';
import { refusal } from '../wal/arbitraries.ts';

const text =
  '{"start_time":"2026-11-21T04:22:00.123Z","finish_time":"2026-11-21T04:23:00.456Z",' +
  '"date_fmt":"%Y-%m-%dT%H:%M:%S.%fZ","hostname":"db1","data_dir":"/data","pg_version":170002,' +
  '"start_lsn":50331688,"finish_lsn":50331944,"is_permanent":true,"system_identifier":7439846182437945713,' +
  '"uncompressed_size":4096,"compressed_size":2048,"user_data":"why"}';

const metadata: BackupMetadata = {
  startedAt: new Date('2026-11-21T04:22:00.123Z'),
  finishedAt: new Date('2026-11-21T04:23:00.456Z'),
  hostname: 'db1',
  dataDirectory: '/data',
  pgVersion: 170_002,
  startLsn: lsnOf(50_331_688n),
  stopLsn: lsnOf(50_331_944n),
  isPermanent: true,
  systemIdentifier: parseSystemIdentifier('7439846182437945713'),
  uncompressedBytes: 4096,
  compressedBytes: 2048,
  userData: 'why',
};

test("metadata.json is read and written in WAL-G's words", () => {
  assert.deepEqual(parseBackupMetadata(text), metadata);
  assert.equal(formatBackupMetadata(metadata), text);
});

test("Go's nanoseconds and local zones are read", () => {
  const local = text.replace('04:22:00.123Z', '05:22:00.123456789+01:00');
  assert.deepEqual(parseBackupMetadata(local).startedAt, metadata.startedAt);
});

test('a backup that says nothing is not permanent', () => {
  assert.equal(parseBackupMetadata('{}').isPermanent, false);
  const written = formatBackupMetadata({ isPermanent: false });
  assert.match(written, /^\{"start_time":"0001-01-01T00:00:00Z",.*"start_lsn":0,.*"system_identifier":null,/);
  assert.equal(parseBackupMetadata(written).startedAt, undefined);
});

test('marking a backup changes nothing else, fields of other programs included', () => {
  const foreign = text.replace('{', '{"chkp_num":null,"big":18446744073709551615,');
  assert.equal(
    withPermanence(foreign, false),
    foreign.replace('"is_permanent":true', '"is_permanent":false'),
  );
  assert.equal(withPermanence('{"a":1}', true), '{"a":1,"is_permanent":true}');
});

test('damaged metadata is refused under its name', () => {
  const invalid = refusal('archive-document-invalid', /^b1 /);
  assert.throws(() => parseBackupMetadata('nothing', 'b1'), invalid);
  assert.throws(() => withPermanence('[]', true, 'b1'), invalid);
});

test('only errors about values are put down to the document', () => {
  const bug = new TypeError('a bug');
  assert.throws(
    () =>
      inDocument('b1', 'x', () => {
        throw bug;
      }),
    bug,
  );
});
