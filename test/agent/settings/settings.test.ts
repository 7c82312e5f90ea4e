import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { readSettings, requirePrefix, secretTexts, settingTable } from '../../../agent/settings/settings.ts';
import { environmentOf } from '../../../agent/settings/sources.ts';
import { isPipelineError } from '../../../lib/core/errors.ts';

const settingsOf = (processEnvironment: Readonly<Record<string, string>>) =>
  readSettings(environmentOf({ processEnvironment }).environment);

const refusalOf = (processEnvironment: Readonly<Record<string, string>>): string => {
  try {
    settingsOf(processEnvironment);
  } catch (error) {
    assert(isPipelineError(error, 'settings-invalid'), `${inspect(error)} is a refusal of the settings`);
    return error.message;
  }
  return assert.fail('the settings were taken');
};

test('without any variable every setting has its default', () => {
  const { jobs, postgres, ...settings } = settingsOf({});
  assert.deepEqual(
    {
      compression: settings.compression,
      partBytes: settings.partBytes,
      push: settings.pushRetrySeconds,
      fetch: settings.fetchRetrySeconds,
      wait: settings.backupWalWaitSeconds,
      level: settings.logLevel,
      prefix: settings.prefix,
    },
    {
      compression: 'lz4',
      partBytes: 2 ** 30,
      push: 20,
      fetch: 60,
      wait: 3600,
      level: 'info',
      prefix: undefined,
    },
  );
  assert(jobs >= 1 && jobs <= 4);
  assert.equal(postgres.PGHOST, undefined);
});

test('every problem is reported at once, with its place', () => {
  const message = refusalOf({
    WALWARDEN_JOBS: 'many',
    WALWARDEN_COMPRESSION: 'lzma',
    WALWARDEN_PART_BYTES: '12 apples',
    WALWARDEN_PREFX: 'file:///a',
    PGPORT: '70000',
  });
  assert.match(message, /^5 problems: /);
  assert.match(
    message,
    /WALWARDEN_JOBS must be a whole number from 1 to 128, not "many" \(from the environment\)/,
  );
  assert.match(message, /WALWARDEN_COMPRESSION must be one of lz4, zstd, brotli, none/);
  assert.match(message, /WALWARDEN_PART_BYTES/);
  assert.match(message, /WALWARDEN_PREFX is no setting .* did you mean WALWARDEN_PREFIX\?/);
  assert.match(message, /PGPORT must be a whole number from 1 to 65535/);
});

test('sizes are taken plain and with decimal or binary units', () => {
  for (const [text, bytes] of [
    ['1073741824', 2 ** 30],
    ['512MiB', 2 ** 29],
    ['100MB', 1e8],
    ['1 gib', 2 ** 30],
    ['2GB', 2e9],
  ] as const) {
    assert.equal(settingsOf({ WALWARDEN_PART_BYTES: text }).partBytes, bytes, text);
  }
  for (const text of ['1.5GiB', '-1', '0x10', '1e9', '1Gi', '1023', '99999TiB', '٣GB']) {
    assert.match(refusalOf({ WALWARDEN_PART_BYTES: text }), /WALWARDEN_PART_BYTES must be/, text);
  }
});

test('a prefix is a directory or a bucket, and nothing that would lead elsewhere', () => {
  const locationOf = (text: string) => requirePrefix(settingsOf({ WALWARDEN_PREFIX: text }));
  assert.deepEqual(locationOf('file:///var/backups/main/'), { kind: 'directory', path: '/var/backups/main' });
  assert.deepEqual(locationOf('file:///with space/100%25'), {
    kind: 'directory',
    path: '/with space/100%25',
  });
  assert.deepEqual(locationOf('s3://bucket/a/b/'), { kind: 's3', bucket: 'bucket', prefix: 'a/b' });
  assert.deepEqual(locationOf('s3://bucket'), { kind: 's3', bucket: 'bucket', prefix: '' });
  for (const text of [
    '/var/backups',
    'file://relative/path',
    'file:///',
    'file:///..',
    's3://',
    's3://b/a//b',
    's3://b/a/../b',
    's3:///key',
    'http://bucket/a',
    's3://bucket/a\nb',
  ]) {
    assert.match(refusalOf({ WALWARDEN_PREFIX: text }), /WALWARDEN_PREFIX must/, text);
  }
});

test('only the commands that need a prefix miss it', () => {
  assert.throws(() => requirePrefix(settingsOf({})), { code: 'settings-invalid' });
});

test('a variable that is set to nothing counts as not set', () => {
  assert.equal(settingsOf({ WALWARDEN_COMPRESSION: '', WALWARDEN_PREFIX: '' }).compression, 'lz4');
});

test('a compression level is judged by the codec that it is for', () => {
  const levels = { WALWARDEN_COMPRESSION: 'zstd', WALWARDEN_COMPRESSION_LEVEL: '19' };
  assert.equal(settingsOf(levels).compressionLevel, 19);
  assert.match(refusalOf({ ...levels, WALWARDEN_COMPRESSION: 'brotli' }), /from 0 to 11 for brotli, not 19/);
  for (const codec of ['none', 'lz4']) {
    const refused = refusalOf({ ...levels, WALWARDEN_COMPRESSION: codec });
    assert.equal(refused, `WALWARDEN_COMPRESSION_LEVEL means nothing for ${codec}`);
  }
});

test('a secret shows nowhere but where it is asked for', () => {
  const settings = settingsOf({ PGPASSWORD: 'hunter2-hunter2' });
  const seen = [
    inspect(settings, { depth: 9, showHidden: true }),
    JSON.stringify(settings),
    `${settings.postgres.PGPASSWORD}`,
  ];
  for (const text of seen) {
    assert.doesNotMatch(text, /hunter2/);
    assert.match(text, /\*\*\*/);
  }
  assert.equal(settings.postgres.PGPASSWORD?.reveal(), 'hunter2-hunter2');
  const { environment } = environmentOf({ processEnvironment: { PGPASSWORD: 'hunter2-hunter2' } });
  assert(secretTexts(environment).includes('hunter2-hunter2'));
});

test("every setting of the table has a name of its own and is read, the launcher's apart", () => {
  const names = settingTable.map(({ variable }) => variable);
  assert.equal(new Set(names).size, names.length);
  const { postgres, s3, aws, encryption, ...settings } = settingsOf({});
  const read = [postgres, s3, aws, encryption, settings].map((group) => Object.keys(group).length);
  assert.equal(
    read.reduce((sum, count) => sum + count),
    settingTable.filter(({ group }) => group !== 'launcher').length,
  );
});
