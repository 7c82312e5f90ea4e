import assert from 'node:assert/strict';
import { test } from 'node:test';
import { s3OptionsOf, trustCertificatesIn } from '../../../agent/archive/s3-options.ts';
import { openLog } from '../../../agent/host/log.ts';
import { readSettings } from '../../../agent/settings/settings.ts';
import { environmentOf } from '../../../agent/settings/sources.ts';
import { resolveS3Settings } from '../../../lib/aws/s3-settings.ts';

const clock = { now: () => new Date(0), sleep: async () => undefined };

const optionsOf = (processEnvironment: Readonly<Record<string, string>>, lines: string[] = []) => {
  const { environment, problems } = environmentOf({ processEnvironment });
  const log = openLog({
    clock,
    pid: 1,
    format: 'logfmt',
    level: 'debug',
    colours: false,
    writeLine: (line) => lines.push(line),
  });
  const settings = readSettings(environment, problems);
  return s3OptionsOf({ bucket: 'bucket', prefix: 'main' }, settings, { clock, log });
};

test('every setting of S3 reaches the store', () => {
  const options = optionsOf({
    WALWARDEN_S3_ENDPOINT: 'https://store:9000',
    WALWARDEN_S3_REGION: 'eu-central-1',
    WALWARDEN_S3_FORCE_PATH_STYLE: 'yes',
    WALWARDEN_S3_STORAGE_CLASS: 'STANDARD_IA',
    WALWARDEN_S3_SSE: 'aws:kms',
    WALWARDEN_S3_SSE_KMS_KEY_ID: 'alias/archive',
    WALWARDEN_S3_SSE_BUCKET_KEY: 'true',
    WALWARDEN_S3_PART_BYTES: '32MiB',
    WALWARDEN_S3_CONCURRENCY: '4',
    WALWARDEN_S3_READ_PIECES: '3',
    WALWARDEN_S3_READ_PIECE_BYTES: '4MiB',
    WALWARDEN_S3_CHECKSUMS: 'when-required',
    WALWARDEN_S3_PROXY: 'http://user:secret@proxy:3128',
    WALWARDEN_S3_NO_PROXY: 'localhost',
    WALWARDEN_S3_REQUEST_TIMEOUT_SECONDS: '30',
    WALWARDEN_S3_CONNECT_TIMEOUT_SECONDS: '3',
    WALWARDEN_S3_STALL_SECONDS: '10',
    WALWARDEN_S3_MAX_ATTEMPTS: '7',
  });
  const { onRequest, clock: given, throttle, ...plain } = options;
  assert.equal(typeof onRequest, 'function');
  assert.equal(given, clock);
  assert.equal(throttle, undefined);
  assert.deepEqual(plain, {
    bucket: 'bucket',
    prefix: 'main',
    region: 'eu-central-1',
    endpoint: 'https://store:9000',
    forcePathStyle: true,
    storageClass: 'STANDARD_IA',
    serverSideEncryption: { kind: 'sse-kms', keyId: 'alias/archive', bucketKey: true },
    partBytes: 32 * 2 ** 20,
    concurrency: 4,
    parallelReads: { pieces: 3, pieceBytes: 4 * 2 ** 20 },
    checksumMode: 'when-required',
    deadlineMs: 30_000,
    connectTimeoutMs: 3000,
    stallMs: 10_000,
    maxAttempts: 7,
    proxy: { url: 'http://user:secret@proxy:3128', noProxy: 'localhost' },
  });
  resolveS3Settings(options);
});

test("without settings the store's own defaults hold", () => {
  assert.equal(resolveS3Settings(optionsOf({})).deadlineMs, 60_000);
  assert.equal(optionsOf({}).region, undefined);
});

test('a key of one’s own and the store’s own encryption are what they say', () => {
  const key = Buffer.alloc(32, 7);
  assert.deepEqual(optionsOf({ WALWARDEN_S3_SSE_C_KEY: key.toString('base64') }).serverSideEncryption, {
    kind: 'sse-c',
    key,
  });
  assert.deepEqual(optionsOf({ WALWARDEN_S3_SSE: 'aes256' }).serverSideEncryption, { kind: 'sse-s3' });
  const raw = '0123456789abcdef0123456789abcdef';
  assert.deepEqual(optionsOf({ WALG_S3_SSE_C: raw }).serverSideEncryption, {
    kind: 'sse-c',
    key: Buffer.from(raw),
  });
});

test('the usual proxy variables count where ours is not set, by the kind of the endpoint', () => {
  const usual = { HTTPS_PROXY: 'http://secure:1', http_proxy: 'http://plain:2', no_proxy: 'a,b' };
  assert.deepEqual(optionsOf(usual).proxy, { url: 'http://secure:1', noProxy: 'a,b' });
  assert.equal(optionsOf({ ...usual, WALWARDEN_S3_ENDPOINT: 'http://s:9' }).proxy?.url, 'http://plain:2');
  assert.equal(optionsOf({ ...usual, WALWARDEN_S3_PROXY: 'http://ours:3' }).proxy?.url, 'http://ours:3');
  assert.equal(optionsOf({}).proxy, undefined);
});

test('a store elsewhere needs no region, but one that is named counts', () => {
  const elsewhere = { WALWARDEN_S3_ENDPOINT: 'http://minio:9000' };
  assert.equal(optionsOf(elsewhere).region, 'us-east-1');
  assert.equal(optionsOf({ ...elsewhere, AWS_REGION: 'garage' }).region, undefined, 'the SDK reads it');
});

test('a low rate gives a request the time that the rate takes', () => {
  const { deadlineMs, throttle } = optionsOf({ WALWARDEN_NETWORK_RATE: '1MiB' });
  assert.equal(deadlineMs, (60 + 8 * 16) * 1000);
  assert.equal(typeof throttle, 'function');
});

test('each request is told to those who debug', () => {
  const lines: string[] = [];
  optionsOf({}, lines).onRequest?.({ operation: 'GetObject', attempt: 2 });
  assert.match(`${lines[0]}`, /level=debug .*operation=GetObject attempt=2/);
});

test('certificates that cannot be used are a wrong setting', () => {
  assert.throws(() => trustCertificatesIn('/nonexistent/ca.pem'), {
    code: 'settings-invalid',
    hint: /WALWARDEN_S3_CA_FILE/,
  });
});
