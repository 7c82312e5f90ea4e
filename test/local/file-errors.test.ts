import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPipelineError } from '../../lib/core/errors.ts';
import { onDiskUnless, storeError } from '../../lib/local/file-errors.ts';

const failed = (errno: string): Error =>
  Object.assign(new Error(`${errno}: it failed, open '/archive/a'`), { code: errno, syscall: 'open' });

const codes = {
  'store-unavailable': [
    'ENOSPC',
    'EDQUOT',
    'EROFS',
    'EIO',
    'ESTALE',
    'ETIMEDOUT',
    'ENOTCONN',
    'EMFILE',
    'ENOENT',
  ],
  'store-denied': ['EACCES', 'EPERM'],
  'store-misconfigured': ['ELOOP'],
  'key-refused': ['ENOTDIR', 'EISDIR', 'EEXIST', 'ENAMETOOLONG'],
} as const;

for (const [code, errnos] of Object.entries(codes)) {
  for (const errno of errnos) {
    test(`${errno} is told as ${code}, with the path and a hint`, () => {
      const told = storeError(failed(errno));
      assert(isPipelineError(told), 'it is an error for operators');
      assert.equal(told.code, code);
      assert.match(told.message, /\/archive\/a/);
      assert.match(told.hint ?? '', /\.$/);
    });
  }
}

test('what is not a failed file operation stays what it is', () => {
  for (const thrown of [new TypeError('a bug'), 'text', undefined]) assert.equal(storeError(thrown), thrown);
});

test('only the tolerated failures answer undefined', async () => {
  assert.equal(await onDiskUnless(['ENOENT'], Promise.reject(failed('ENOENT'))), undefined);
  await assert.rejects(onDiskUnless(['ENOENT'], Promise.reject(failed('EIO'))), {
    code: 'store-unavailable',
  });
});
