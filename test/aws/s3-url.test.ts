import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseS3Url } from '../../lib/aws/s3-store.ts';
import { isPipelineError } from '../../lib/core/errors.ts';

for (const [url, bucket, prefix] of [
  ['s3://backups', 'backups', ''],
  ['s3://backups/', 'backups', ''],
  ['s3://backups/clusters/main', 'backups', 'clusters/main'],
  ['s3://backups/clusters/main/', 'backups', 'clusters/main'],
  ['s3://my.bucket-1/a b/ü', 'my.bucket-1', 'a b/ü'],
] as const) {
  test(`${url} names bucket ${bucket} and prefix ${JSON.stringify(prefix)}`, () => {
    assert.deepEqual(parseS3Url(url), { bucket, prefix });
  });
}

for (const url of [
  '',
  'backups/main',
  'S3://backups',
  'https://backups',
  's3://',
  's3:///prefix',
  's3://a',
  's3://user:secret@bucket/x',
  's3://bucket//x',
  's3://bucket/x//',
  's3://bucket//',
  's3://bucket/../x',
  's3://bucket/./x',
  's3://bucket/\ud800',
  `s3://bucket/${'x'.repeat(800)}`,
]) {
  test(`${JSON.stringify(url.slice(0, 40))} is no place for an archive`, () => {
    assert.throws(
      () => parseS3Url(url),
      (thrown) => isPipelineError(thrown, 'settings-invalid'),
    );
  });
}
