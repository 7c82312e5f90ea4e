import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backupNameOf } from '../../../lib/core/archive/backup-name.ts';
import {
  backupDeletedKey,
  backupManifestKey,
  backupStartedKey,
  backupSummaryKey,
  backupsPrefix,
  codecSuffix,
  codecs,
  filesMetadataKey,
  incarnationKey,
  incarnationsPrefix,
  metadataKey,
  ownBackupPrefix,
  ownPrefix,
  parseKey,
  partKey,
  partName,
  probeKeys,
  sentinelKey,
  tarPartitionsPrefix,
  walKey,
  walPrefix,
} from '../../../lib/core/archive/layout.ts';
import { segmentAt } from '../../../lib/core/wal/segment.ts';
import { parseWalFileName } from '../../../lib/core/wal/wal-file.ts';
import { anySegmentBytes, anyTimelineId, refusal } from '../wal/arbitraries.ts';

const segmentName = '00000001000000000000000A';
const backupName = `base_${segmentName}`;
const walE = `base_${segmentName}_00000040`;

const anyCodec = fc.constantFrom(...codecs);
const anySegment = fc
  .tuple(anyTimelineId, anySegmentBytes, fc.integer({ min: 0, max: 2 ** 32 - 1 }))
  .map(([timelineId, bytes, number]) => segmentAt({ timelineId, number }, bytes));
const anyWalFileName = fc
  .tuple(
    anySegment,
    fc.constantFrom('segment', 'partial', 'history', 'backup'),
    fc.integer({ min: 0, max: 2 ** 30 - 1 }),
  )
  .map(([{ name }, kind, offset]) => {
    if (kind === 'segment') return name;
    if (kind === 'partial') return `${name}.partial`;
    if (kind === 'history') return `${name.slice(0, 8)}.history`;
    return `${name}.${offset.toString(16).toUpperCase().padStart(8, '0')}.backup`;
  });
const anyBackupName = fc
  .tuple(anySegment, anySegment, fc.constantFrom('full', 'delta', 'offset'))
  .map(([segment, parent, kind]) => {
    if (kind === 'delta') return `${backupNameOf(segment)}_D_${parent.name}`;
    return kind === 'full' ? backupNameOf(segment) : backupNameOf(segment, 0x28);
  });
const anyPart = fc.oneof(
  fc.constantFrom('pg_control', 'backup_label', 'part_00000000', 'part_00000017'),
  fc.integer({ min: 1, max: 100_000 }).map(partName),
);

test('each codec has the suffix that WAL-G and WAL-E give it', () => {
  assert.deepEqual(
    codecs.map((codec) => [codec, codecSuffix(codec)]),
    [
      ['lz4', '.lz4'],
      ['zstd', '.zst'],
      ['brotli', '.br'],
      ['lzma', '.lzma'],
      ['gzip', '.gz'],
      ['lzo', '.lzo'],
      ['none', ''],
    ],
  );
});

test('keys lie where WAL-G looks for them', () => {
  assert.equal(walKey(segmentName, 'lz4'), `wal_005/${segmentName}.lz4`);
  assert.equal(walKey(segmentName, 'none'), `wal_005/${segmentName}`);
  assert.equal(walKey('00000002.history', 'zstd'), 'wal_005/00000002.history.zst');
  assert.equal(
    partKey(backupName, 'part_001', 'lz4'),
    `basebackups_005/${backupName}/tar_partitions/part_001.tar.lz4`,
  );
  assert.equal(
    partKey(backupName, 'pg_control', 'none'),
    `basebackups_005/${backupName}/tar_partitions/pg_control.tar`,
  );
  assert.equal(sentinelKey(backupName), `basebackups_005/${backupName}_backup_stop_sentinel.json`);
  assert.equal(metadataKey(backupName), `basebackups_005/${backupName}/metadata.json`);
  assert.equal(filesMetadataKey(backupName), `basebackups_005/${backupName}/files_metadata.json`);
});

test('our own objects lie apart from theirs', () => {
  assert.equal(incarnationKey(1), 'walwarden/incarnations/000001.json');
  assert.equal(backupStartedKey(backupName), `walwarden/backups/${backupName}/started.json`);
  assert.equal(backupManifestKey(backupName), `walwarden/backups/${backupName}/manifest.ndjson.lz4`);
  assert.equal(backupSummaryKey(backupName), `walwarden/backups/${backupName}/summary.json`);
  assert(incarnationsPrefix.startsWith(ownPrefix));
});

test('parts are counted from 001 and may pass 999', () => {
  assert.deepEqual([1, 42, 999, 1000].map(partName), ['part_001', 'part_042', 'part_999', 'part_1000']);
  for (const index of [0, -1, 1.5]) assert.throws(() => partName(index), { name: 'AssertionError' });
});

test('incarnations are counted from 1', () => {
  for (const number of [0, -1, 1.5]) assert.throws(() => incarnationKey(number), { name: 'AssertionError' });
});

test('the key of a WAL file of any kind in any codec reads back as that file', () => {
  fc.assert(
    fc.property(anyWalFileName, anyCodec, (name, codec) => {
      const key = walKey(name, codec);
      assert(key.startsWith(walPrefix));
      assert.deepEqual(parseKey(key), { kind: 'wal', file: parseWalFileName(name), codec });
    }),
  );
});

test('the key of a part of any backup in any codec reads back as that part', () => {
  fc.assert(
    fc.property(anyBackupName, anyPart, anyCodec, (name, part, codec) => {
      const key = partKey(name, part, codec);
      assert(key.startsWith(tarPartitionsPrefix(name)) && key.startsWith(backupsPrefix));
      assert.deepEqual(parseKey(key), { kind: 'part', backupName: name, partName: part, codec });
    }),
  );
});

test('the keys of every document of a backup read back as that document', () => {
  const documents = {
    sentinel: sentinelKey,
    metadata: metadataKey,
    'files-metadata': filesMetadataKey,
    'backup-started': backupStartedKey,
    'backup-manifest': backupManifestKey,
    'backup-summary': backupSummaryKey,
    'backup-deleted': backupDeletedKey,
  };
  fc.assert(
    fc.property(anyBackupName, fc.integer({ min: 1, max: 10_000_000 }), (name, number) => {
      for (const [kind, keyOf] of Object.entries(documents)) {
        assert.deepEqual(parseKey(keyOf(name)), { kind, backupName: name });
      }
      assert.deepEqual(parseKey(incarnationKey(number)), { kind: 'incarnation', number });
    }),
  );
});

test('what WAL-E wrote is read', () => {
  assert.deepEqual(parseKey(`basebackups_005/${walE}/tar_partitions/part_00000000.tar.lzo`), {
    kind: 'part',
    backupName: walE,
    partName: 'part_00000000',
    codec: 'lzo',
  });
  assert.deepEqual(parseKey(`basebackups_005/${walE}/extended_version.txt`), {
    kind: 'wal-e-version',
    backupName: walE,
  });
  assert.deepEqual(parseKey(`basebackups_005/${walE}_backup_stop_sentinel.json`), {
    kind: 'sentinel',
    backupName: walE,
  });
});

test("WAL-G's caches beside the WAL are told from WAL", () => {
  for (const name of [
    `${segmentName}.json`,
    `${segmentName.slice(0, 23)}.json`,
    `${segmentName}_delta`,
    `${segmentName}_delta.lz4`,
    `${segmentName}_delta.br`,
  ]) {
    assert.deepEqual(parseKey(`wal_005/${name}`), { kind: 'wal-sidecar' }, name);
  }
});

test('everything under catchup_005 is a catchup backup, which nobody here reads', () => {
  assert.deepEqual(parseKey('catchup_005/base_x/whatever'), { kind: 'catchup' });
  for (const key of Object.values(probeKeys)) assert.deepEqual(parseKey(key), { kind: 'probe' });
  assert(parseKey(`${ownBackupPrefix(backupName)}summary.json`).kind === 'backup-summary');
});

test('a key that is almost right is unknown', () => {
  for (const key of [
    '',
    '/',
    'wal_005',
    'wal_005/',
    `wal_005/${segmentName}.LZ4`,
    `wal_005/${segmentName}.lz4.lz4`,
    `wal_005/${segmentName}.xz`,
    `wal_005/${segmentName}.`,
    `wal_005/${segmentName.toLowerCase()}.lz4`,
    `wal_005/sub/${segmentName}.lz4`,
    `wal_005/${segmentName}.json.lz4`,
    `wal_005/../${segmentName}`,
    `/wal_005/${segmentName}`,
    `x/wal_005/${segmentName}`,
    'basebackups_005/',
    'basebackups_005/base_x_backup_stop_sentinel.json',
    `basebackups_005/${backupName}`,
    `basebackups_005/${backupName}/`,
    `basebackups_005/${backupName}/x/metadata.json`,
    `basebackups_005/${backupName}/constructor`,
    'basebackups_005/base_x/metadata.json',
    `basebackups_005/${backupName}/tar_partitions/`,
    `basebackups_005/${backupName}/tar_partitions/.tar`,
    `basebackups_005/${backupName}/tar_partitions/part_001.tar.xz`,
    `basebackups_005/${backupName}/tar_partitions/part_001.lz4`,
    `basebackups_005/${backupName}/tar_partitions/part_001.zip.lz4`,
    `basebackups_005/${backupName}/tar_partitions/part_.tar.lz4`,
    `basebackups_005/${backupName}/tar_partitions/part_001.tar/x.tar`,
    `basebackups_005/${backupName}/tar_partitions/../part_001.tar`,
    'walwarden/',
    'walwarden/incarnations/000000.json',
    'walwarden/incarnations/0000001.json',
    'walwarden/incarnations/1.json',
    'walwarden/incarnations/000001.json.bak',
    `walwarden/incarnations/${'9'.repeat(16)}.json`,
    `walwarden/backups/${backupName}`,
    `walwarden/backups/${backupName}/other.json`,
    'walwarden/backups/base_x/started.json',
    '__proto__',
    '\0',
  ]) {
    assert.deepEqual(parseKey(key), { kind: 'unknown' }, JSON.stringify(key));
  }
});

test('no key makes the reader throw', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      'wal_005/',
      'basebackups_005/',
      'walwarden/',
      'incarnations/',
      'backups/',
      'catchup_005/',
    ),
    fc.constantFrom(
      '/tar_partitions/',
      '.tar',
      '.lz4',
      '.json',
      '_backup_stop_sentinel.json',
      '..',
      '/',
      '\0',
    ),
    fc.constantFrom(segmentName, backupName, walE, 'part_001', 'part_', '_delta'),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 6 }),
      (pieces) => typeof parseKey(pieces.join('')).kind === 'string',
    ),
    { numRuns: 2000 },
  );
  assert.deepEqual(parseKey(`wal_005/${'A'.repeat(5_000_000)}`), { kind: 'unknown' });
});

test('no key is made from a name that could lead elsewhere', () => {
  for (const name of ['', '../x', `${segmentName}/..`, `${segmentName}.lz4`, 'archive_status']) {
    assert.throws(() => walKey(name, 'lz4'), refusal('wal-name-invalid', /is not the name of a WAL file$/));
  }
  for (const name of ['', '..', 'LATEST', `${backupName}/../x`]) {
    for (const make of [
      sentinelKey,
      metadataKey,
      filesMetadataKey,
      tarPartitionsPrefix,
      backupStartedKey,
      backupManifestKey,
      backupSummaryKey,
    ]) {
      assert.throws(() => make(name), refusal('value-invalid', /is not the name of a base backup$/));
    }
  }
  for (const part of ['', '..', 'part_', 'part_001.tar', 'x/part_001', 'base']) {
    assert.throws(
      () => partKey(backupName, part, 'lz4'),
      refusal('value-invalid', /is not the name of a part of a base backup$/),
    );
  }
});
