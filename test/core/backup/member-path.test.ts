import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { isPathInside, memberPathOf } from '../../../lib/core/backup/member-path.ts';
import { refusal } from '../wal/arbitraries.ts';

test('a member is meant wherever its tool put slashes', () => {
  for (const name of ['/base/1/1259', 'base/1/1259', './base/1/1259', '/base/1/1259/']) {
    assert.equal(memberPathOf(name), 'base/1/1259', name);
  }
  for (const name of ['', '.', './', '/']) assert.equal(memberPathOf(name), '', name);
  assert.equal(memberPathOf('..data/...'), '..data/...');
});

test('a member that would leave the data directory is refused', () => {
  for (const name of [
    '..',
    '../etc/passwd',
    '/../etc/passwd',
    '//etc/passwd',
    './/etc/passwd',
    'base/../../etc',
    'base//1',
    'base/./1',
    'base/..',
    'base//',
    'base/1\0',
    `base/${'x'.repeat(4096)}`,
    'base/\ud800',
  ]) {
    assert.throws(
      () => memberPathOf(name),
      refusal('backup-damaged', /holds a member named/),
      JSON.stringify(name),
    );
  }
});

test('what is taken for a path inside stays inside when it is joined', () => {
  const step = fc.constantFrom('..', '.', '', 'a', 'b c', '...', '/', '\0');
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const path = steps.join('/');
      if (isPathInside(path)) assert.equal(posix.join('/data', path), `/data/${path}`);
    }),
  );
});
