import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseObjectKey } from '../../../lib/core/archive/object-key.ts';

for (const key of [
  'a',
  'wal_005/000000010000000000000001.lz4',
  'a/..b/.c/d..',
  'ä/ 日本 /%2e',
  'x'.repeat(1024),
]) {
  test(`the key ${key.slice(0, 40)} stays what it is`, () => assert.equal(parseObjectKey(key), key));
}

const refused: readonly (readonly [key: string, why: RegExp])[] = [
  ['', /is empty/],
  ['/etc/passwd', /is absolute/],
  ['..', /step '\.' or '\.\.'/],
  ['a/../../b', /step '\.' or '\.\.'/],
  ['./a', /step '\.' or '\.\.'/],
  ['a//b', /an empty step/],
  ['a/', /an empty step/],
  ['a\0b', /is not text/],
  ['a\ud800', /is not text/],
  ['ä'.repeat(513), /longer than 1024 bytes/],
];

for (const [key, why] of refused) {
  test(`the key ${JSON.stringify(key.slice(0, 20))} is refused`, () => {
    assert.throws(() => parseObjectKey(key), { code: 'key-refused', message: why });
  });
}
