import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { type PgManifestFile, pgManifestWriter } from '../../../lib/core/backup/pg-manifest.ts';
import { parseLsn } from '../../../lib/core/wal/lsn.ts';
import { parseTimelineId } from '../../../lib/core/wal/segment.ts';
import { parseSystemIdentifier } from '../../../lib/core/wal/system-identifier.ts';

const systemIdentifier = parseSystemIdentifier('7439846182437945713');

const sha256Of = (text: string): string => createHash('sha256').update(text).digest('hex');

const write = (majorVersion: number, files: readonly PgManifestFile[]): string => {
  const writer = pgManifestWriter({ majorVersion, systemIdentifier });
  const range = {
    timelineId: parseTimelineId(1),
    startLsn: parseLsn('0/2000028'),
    endLsn: parseLsn('0/2000100'),
  };
  const before = [writer.header, ...files.map((file) => writer.file(file)), writer.walRanges([range])].join(
    '',
  );
  return before + writer.checksum(sha256Of(before));
};

const file = (path: string | Uint8Array, bytes = 0): PgManifestFile => ({
  path,
  bytes,
  modifiedAt: new Date('2026-11-21T04:33:28.999Z'),
  sha256: sha256Of(''),
});

// Lines of `pg_basebackup --manifest-checksums=SHA256` of PostgreSQL 15.
const realLines = `{ "PostgreSQL-Backup-Manifest-Version": 1,
"Files": [
{ "Path": "pg_tblspc/16392/PG_15_202209061/5/16393", "Size": 0, "Last-Modified": "2026-11-21 04:33:28 GMT", "Checksum-Algorithm": "SHA256", "Checksum": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
{ "Path": "pg_wal/archive_status/000000010000000000000002.done", "Size": 0, "Last-Modified": "2026-11-21 04:33:28 GMT", "Checksum-Algorithm": "SHA256", "Checksum": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
],
"WAL-Ranges": [
{ "Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/2000100" }
],
`;

test('the manifest is what PostgreSQL writes, byte for byte', () => {
  const text = write(15, [
    file('pg_tblspc/16392/PG_15_202209061/5/16393'),
    file('pg_wal/archive_status/000000010000000000000002.done'),
  ]);
  assert.equal(text, `${realLines}"Manifest-Checksum": "${sha256Of(realLines)}"}\n`);
});

test('from PostgreSQL 17 on it names the cluster', () => {
  const v1 = '{ "PostgreSQL-Backup-Manifest-Version": 1,\n"Files": [';
  assert.equal(pgManifestWriter({ majorVersion: 14, systemIdentifier }).header, v1);
  assert.equal(pgManifestWriter({ majorVersion: 16, systemIdentifier }).header, v1);
  for (const majorVersion of [17, 18]) {
    assert.equal(
      pgManifestWriter({ majorVersion, systemIdentifier }).header,
      '{ "PostgreSQL-Backup-Manifest-Version": 2,\n"System-Identifier": 7439846182437945713,\n"Files": [',
    );
  }
});

test('a name that is not UTF-8 is written in hexadecimal, any other as text', () => {
  const writer = pgManifestWriter({ majorVersion: 17, systemIdentifier });
  assert.match(
    writer.file(file(Uint8Array.of(0x62, 0xff, 0x0a))),
    /^\n\{ "Encoded-Path": "62ff0a", "Size": 0,/,
  );
  assert.match(writer.file(file(new TextEncoder().encode('\ufeffgrün'))), /^,\n\{ "Path": "\ufeffgrün", /);
  assert.match(writer.file(file('a"b\\c\n\u0001\u007f')), /"Path": "a\\"b\\\\c\\n\\u0001\u007f", /);
});

test('it is JSON whatever the files are called', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array()), { maxLength: 4 }),
      (paths) => {
        const json: unknown = JSON.parse(
          write(
            17,
            paths.map((path) => file(path)),
          ),
          (_key, value) => value,
        );
        assert(typeof json === 'object' && json !== null && 'Files' in json && Array.isArray(json.Files));
        assert.equal(json.Files.length, paths.length);
      },
    ),
  );
});

test('several timelines are listed in the order given', () => {
  const text = pgManifestWriter({ majorVersion: 17, systemIdentifier }).walRanges([
    { timelineId: parseTimelineId(2), startLsn: parseLsn('0/5000000'), endLsn: parseLsn('0/6000000') },
    { timelineId: parseTimelineId(1), startLsn: parseLsn('0/4000028'), endLsn: parseLsn('0/5000000') },
  ]);
  assert.equal(
    text,
    '\n],\n"WAL-Ranges": [\n' +
      '{ "Timeline": 2, "Start-LSN": "0/5000000", "End-LSN": "0/6000000" },\n' +
      '{ "Timeline": 1, "Start-LSN": "0/4000028", "End-LSN": "0/5000000" }\n],\n',
  );
});

test('text that no file can be called is a mistake', () => {
  const writer = pgManifestWriter({ majorVersion: 17, systemIdentifier });
  assert.throws(() => writer.file(file('\ud800')), /well-formed/);
});
