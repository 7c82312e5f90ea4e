import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatReport, reportSettings } from '../../../agent/settings/report.ts';
import { readSettings } from '../../../agent/settings/settings.ts';
import { environmentOf } from '../../../agent/settings/sources.ts';

const sourcesOf = (processEnvironment: Readonly<Record<string, string>>) =>
  environmentOf({ processEnvironment });

const settingsOf = (processEnvironment: Readonly<Record<string, string>>) => {
  const { environment, problems } = sourcesOf(processEnvironment);
  return readSettings(environment, problems);
};

const outcomeOf = (processEnvironment: Readonly<Record<string, string>>, name: string) => {
  const found = sourcesOf(processEnvironment).inheritance.find((one) => one.name === name);
  assert(found !== undefined, `${name} is reported`);
  return found.outcome === 'taken'
    ? `taken as ${found.variables.join(', ')}`
    : `${found.outcome}: ${found.reason}`;
};

test('an environment made for WAL-G is understood as it is', () => {
  const settings = settingsOf({
    WALG_S3_PREFIX: 's3://bucket/clusters/main',
    WALG_COMPRESSION_METHOD: 'zstd',
    WALG_ZSTD_LEVEL: '7',
    WALG_UPLOAD_CONCURRENCY: '16',
    WALG_UPLOAD_DISK_CONCURRENCY: '2',
    WALG_TAR_SIZE_THRESHOLD: '1073741823',
    WALG_NETWORK_RATE_LIMIT: '8388608',
    WALG_DISK_RATE_LIMIT: '4194304',
    WALG_S3_SSE: 'AES256',
    WALG_S3_STORAGE_CLASS: 'STANDARD_IA',
    WALG_S3_CA_CERT_FILE: '/etc/ca.pem',
    WALG_S3_MAX_PART_SIZE: '20971520',
    WALG_S3_MAX_RETRIES: '15',
    AWS_ENDPOINT: 'http://minio:9000',
    AWS_S3_FORCE_PATH_STYLE: 'TRUE',
    AWS_DEFAULT_REGION: 'eu-central-1',
    WALG_LIBSODIUM_KEY_PATH: '/etc/walg.key',
    WALG_LIBSODIUM_KEY_TRANSFORM: 'hex',
    WALG_LOG_LEVEL: 'DEVEL',
  });
  assert.deepEqual(settings.prefix, { kind: 's3', bucket: 'bucket', prefix: 'clusters/main' });
  assert.deepEqual([settings.compression, settings.compressionLevel], ['zstd', 7]);
  assert.deepEqual([settings.jobs, settings.partBytes], [2, 1_073_741_823]);
  assert.deepEqual([settings.networkRate, settings.diskRate], [8_388_608, 4_194_304]);
  const { sse, storageClass, caFile, partBytes, maxAttempts, endpoint, forcePathStyle } = settings.s3;
  assert.deepEqual(
    { sse, storageClass, caFile, partBytes, maxAttempts, endpoint, forcePathStyle },
    {
      sse: 'aes256',
      storageClass: 'STANDARD_IA',
      caFile: '/etc/ca.pem',
      partBytes: 20_971_520,
      maxAttempts: 16,
      endpoint: 'http://minio:9000',
      forcePathStyle: true,
    },
  );
  assert.equal(settings.aws.AWS_REGION, 'eu-central-1');
  const { libsodiumKeyPath, libsodiumKeyTransform } = settings.encryption;
  assert.deepEqual([libsodiumKeyPath, libsodiumKeyTransform], ['/etc/walg.key', 'hex']);
  assert.equal(settings.logLevel, 'debug');
});

test("WAL-E's prefix, endpoint and credentials are understood too", () => {
  const settings = settingsOf({
    WALE_S3_PREFIX: 's3://bucket/main/',
    WALE_S3_ENDPOINT: 'https+path://ceph.example:7480',
    AWS_SECURITY_TOKEN: 'temporary-token',
  });
  assert.deepEqual(settings.prefix, { kind: 's3', bucket: 'bucket', prefix: 'main' });
  assert.deepEqual([settings.s3.endpoint, settings.s3.forcePathStyle], ['https://ceph.example:7480', true]);
  assert.equal(settings.aws.AWS_SESSION_TOKEN?.reveal(), 'temporary-token');
});

test('directories are named as paths or as URLs, and a storage prefix lies below', () => {
  for (const [value, path] of [
    ['/backups/main', '/backups/main'],
    ['file://localhost/backups/main', '/backups/main'],
    ['file:///backups/main', '/backups/main'],
  ] as const) {
    assert.deepEqual(settingsOf({ WALG_FILE_PREFIX: value }).prefix, { kind: 'directory', path });
  }
  assert.deepEqual(settingsOf({ WALG_FILE_PREFIX: '/backups', WALG_STORAGE_PREFIX: '/main/' }).prefix, {
    kind: 'directory',
    path: '/backups/main',
  });
});

test('ours go before theirs, and the first of several of theirs before the others', () => {
  const environment = {
    WALWARDEN_PREFIX: 'file:///ours',
    WALG_S3_PREFIX: 's3://bucket/theirs',
    WALG_UPLOAD_CONCURRENCY: '5',
    WALG_DOWNLOAD_CONCURRENCY: '6',
  };
  assert.deepEqual(settingsOf(environment).prefix, { kind: 'directory', path: '/ours' });
  assert.equal(
    outcomeOf(environment, 'WALG_S3_PREFIX'),
    'ignored: WALWARDEN_PREFIX is set by the environment',
  );
  assert.equal(settingsOf(environment).jobs, 5);
  assert.match(
    outcomeOf(environment, 'WALG_DOWNLOAD_CONCURRENCY'),
    /WALWARDEN_JOBS is set by WALG_UPLOAD_CON/,
  );
});

test('what has no counterpart is ignored with a reason, a name that nobody knows too', () => {
  assert.match(
    outcomeOf({ WALG_COMPRESSION_METHOD: 'lzma' }, 'WALG_COMPRESSION_METHOD'),
    /lzma is read but not/,
  );
  assert.equal(settingsOf({ WALG_COMPRESSION_METHOD: 'lzma' }).compression, 'lz4');
  assert.match(outcomeOf({ WALG_ZSTD_LEVEL: '3' }, 'WALG_ZSTD_LEVEL'), /not written with zstd/);
  assert.match(outcomeOf({ WALG_DELTA_MAX_STEPS: '6' }, 'WALG_DELTA_MAX_STEPS'), /whole base backups/);
  assert.match(outcomeOf({ WALG_GS_PREFIX: 'gs://a/b' }, 'WALG_GS_PREFIX'), /S3 and in directories/);
  assert.equal(outcomeOf({ WALG_NEWEST: '1' }, 'WALG_NEWEST'), 'ignored: walwarden does not know it');
});

test('an encryption that cannot be taken over is refused, because ignoring it would store plain objects', () => {
  for (const name of ['WALE_GPG_KEY_ID', 'WALG_CSE_KMS_ID', 'YC_CSE_KMS_KEY_ID']) {
    assert.throws(
      () => settingsOf({ [name]: 'ABCD' }),
      (error: Error) => error.message.startsWith(`${name} asks for`) && error.message.includes('unencrypted'),
    );
    settingsOf({ [name]: 'ABCD', WALWARDEN_PGP_KEY_PATH: '/etc/key.asc' });
  }
});

test('a wrong value is told with the name that it was given under', () => {
  assert.throws(() => settingsOf({ WALG_TAR_SIZE_THRESHOLD: 'large' }), {
    message: /^WALWARDEN_PART_BYTES must .* not "large" \(from WALG_TAR_SIZE_THRESHOLD of the environment\)$/,
  });
});

test('the report shows origins and reasons, and no secret of ours or theirs', () => {
  const { environment, inheritance, inheritedSecrets } = sourcesOf({
    WALG_S3_PREFIX: 's3://bucket/main',
    WALG_LIBSODIUM_KEY: 'correct horse battery staple..',
    AWS_SECRET_ACCESS_KEY: 'aws-secret',
    WALG_S3_SSE_C: '0123456789abcdef0123456789abcdef',
    SSH_PASSWORD: 'ssh-secret',
    WALG_DELTA_ORIGIN: 'LATEST',
  });
  const report = reportSettings(environment, inheritance);
  const text = formatReport(report);
  assert.match(text, /WALWARDEN_PREFIX +s3:\/\/bucket\/main +WALG_S3_PREFIX of the environment/);
  assert.match(text, /WALWARDEN_JOBS .* default/);
  assert.match(text, /WALG_DELTA_ORIGIN +walwarden takes whole base backups/);
  for (const secret of ['correct horse', 'aws-secret', '0123456789abcdef', 'ssh-secret']) {
    assert(!text.includes(secret) && !JSON.stringify(report).includes(secret), secret);
  }
  for (const secret of ['correct horse battery staple..', 'ssh-secret'])
    assert(inheritedSecrets.includes(secret));
  assert(report.settings.some(({ name, value }) => name === 'WALWARDEN_LIBSODIUM_KEY' && value === '***'));
});

test('two keys for one archive, and halves of settings, are problems', () => {
  for (const [environment, problem] of [
    [{ WALG_LIBSODIUM_KEY: 'x', WALG_PGP_KEY: 'y' }, /exclude each other: an archive has one key/],
    [{ WALWARDEN_S3_SSE_KMS_KEY_ID: 'k' }, /needs WALWARDEN_S3_SSE=aws:kms/],
    [{ WALWARDEN_S3_SSE_C_KEY: 'short' }, /^WALWARDEN_S3_SSE_C_KEY must be 32 bytes in base64 \(from/],
    [{ WALWARDEN_S3_READ_PIECE_BYTES: '1MiB' }, /needs WALWARDEN_S3_READ_PIECES/],
    [{ WALWARDEN_S3_ENDPOINT: 'http://user:pw@host' }, /without user and password/],
  ] as const) {
    assert.throws(() => settingsOf(environment), { message: problem });
  }
});
