import assert from 'node:assert/strict';
import { test } from 'node:test';
import { translateS3Failure } from '../../lib/aws/s3-errors.ts';
import { failureOf } from '../../lib/aws/s3-failure.ts';
import type { ErrorCode } from '../../lib/core/errors.ts';

const answered = (status: number, name: string, message = 'said the store', headers = {}): Error =>
  Object.assign(new Error(message), {
    name,
    $metadata: { httpStatusCode: status, requestId: 'REQUEST1' },
    $response: { statusCode: status, headers },
  });
const network = (code: string, message = 'of the network'): Error =>
  Object.assign(new Error(message), { code });
const named = (name: string): Error => Object.assign(new Error('of the SDK'), { name });

const mistakes: readonly (readonly [string, string, Error, ErrorCode, RegExp])[] = [
  [
    'the wrong region',
    'GetObject',
    answered(301, 'PermanentRedirect', '', { 'x-amz-bucket-region': 'eu-central-1' }),
    'store-misconfigured',
    /is in eu-central-1: set the region/,
  ],
  [
    'a signature for another region',
    'PutObject',
    answered(400, 'AuthorizationHeaderMalformed'),
    'store-misconfigured',
    /in another region/,
  ],
  ['no region', 'PutObject', new Error('Region is missing'), 'store-misconfigured', /AWS_REGION/],
  ['a clock that is off', 'PutObject', answered(403, 'RequestTimeTooSkewed'), 'store-misconfigured', /NTP/],
  [
    'no permission to list',
    'ListObjectsV2',
    answered(403, 'AccessDenied'),
    'store-denied',
    /s3:ListBucket on the bucket/,
  ],
  [
    'no permission to read',
    'GetObject',
    answered(403, 'AccessDenied'),
    'store-denied',
    /without s3:ListBucket .* absence cannot/,
  ],
  [
    'a HEAD that is denied without a word',
    'HeadObject',
    answered(403, '403'),
    'store-denied',
    /s3:GetObject/,
  ],
  [
    'no permission to write',
    'PutObject',
    answered(403, 'AccessDenied'),
    'store-denied',
    /Grant s3:PutObject/,
  ],
  [
    'a KMS key that refuses',
    'PutObject',
    answered(403, 'AccessDenied', 'not authorized to perform: kms:GenerateDataKey'),
    'store-denied',
    /kms:Decrypt/,
  ],
  [
    'a disabled KMS key',
    'GetObject',
    answered(400, 'KMS.DisabledException'),
    'store-misconfigured',
    /must be enabled/,
  ],
  ['an expired token', 'PutObject', answered(400, 'ExpiredToken'), 'store-denied', /renew/],
  ['an unknown access key', 'PutObject', answered(403, 'InvalidAccessKeyId'), 'store-denied', /access key/],
  [
    'a wrong secret',
    'PutObject',
    answered(403, 'SignatureDoesNotMatch'),
    'store-denied',
    /secret access key/,
  ],
  [
    'no credentials',
    'PutObject',
    named('CredentialsProviderError'),
    'store-misconfigured',
    /AWS_ACCESS_KEY_ID/,
  ],
  [
    'a missing bucket',
    'GetObject',
    answered(404, 'NoSuchBucket'),
    'store-misconfigured',
    /Check the name backups/,
  ],
  ['a host without an address', 'GetObject', network('ENOTFOUND'), 'store-unavailable', /path style/],
  [
    'a certificate of one’s own',
    'GetObject',
    network('DEPTH_ZERO_SELF_SIGNED_CERT'),
    'store-misconfigured',
    /NODE_EXTRA_CA_CERTS/,
  ],
  [
    'a certificate of another host',
    'GetObject',
    network('ERR_TLS_CERT_ALTNAME_INVALID'),
    'store-misconfigured',
    /path style/,
  ],
  [
    'http instead of https',
    'GetObject',
    network('ERR_SSL_WRONG_VERSION_NUMBER'),
    'store-misconfigured',
    /http against https/,
  ],
  ['too many requests', 'PutObject', answered(503, 'SlowDown'), 'store-unavailable', /lower the concurrency/],
  [
    'an object in Glacier',
    'GetObject',
    answered(403, 'InvalidObjectState'),
    'store-denied',
    /restore it first/,
  ],
  [
    'a body that is too large',
    'PutObject',
    answered(413, 'Unknown'),
    'store-misconfigured',
    /lower the part size/,
  ],
  [
    'a checksum that the store does not know',
    'PutObject',
    answered(501, 'NotImplemented'),
    'store-misconfigured',
    /when-required/,
  ],
  [
    'a key of SSE-C that was not given',
    'GetObject',
    answered(400, 'InvalidRequest', 'The object was stored using a form of Server Side Encryption.'),
    'store-misconfigured',
    /SSE-C/,
  ],
  ['a server that is down', 'GetObject', network('ECONNREFUSED'), 'store-unavailable', /Check endpoint/],
];

for (const [what, operation, thrown, code, hint] of mistakes) {
  test(`${what} is told as such`, () => {
    const failure = failureOf(thrown);
    assert(failure !== undefined, 'it is none of our own bugs');
    const request = { operation, bucket: 'backups', key: 'clusters/main/wal_005/a' };
    const error = translateS3Failure(request, failure, { attempts: 1, cause: thrown });
    assert.equal(error.code, code, error.message);
    assert.match(error.hint ?? '', hint);
    assert.match(error.hint ?? '', /^[A-Z"].*\.$/, 'a hint is a sentence');
    assert(error.message.startsWith(`${operation} of s3://backups/clusters/main/wal_005/a failed with `));
    if (failure.status !== undefined) assert.match(error.message, /request id REQUEST1/);
    assert.equal(error.cause, thrown);
  });
}

test('an error of ours is nobody’s failure', () => {
  assert.equal(failureOf(new TypeError('undefined is not a function')), undefined);
  assert.equal(failureOf(Object.assign(new Error('x'), { code: 'ERR_INVALID_ARG_TYPE' })), undefined);
  assert.equal(failureOf('text'), undefined);
});

test('what a store says is kept to one line of bounded length', () => {
  const failure = failureOf(answered(500, 'InternalError', `line\nline\r\n${'x'.repeat(10_000)}`));
  assert((failure?.message.length ?? 0) <= 300);
  assert(!/[\r\n]/.test(failure?.message ?? '\n'));
});

test('several addresses that all refused are one failure', () => {
  const failure = failureOf(new AggregateError([network('ECONNREFUSED', 'connect ECONNREFUSED ::1')], ''));
  assert.equal(failure?.code, 'ECONNREFUSED');
  assert.match(failure.message, /::1/);
});
