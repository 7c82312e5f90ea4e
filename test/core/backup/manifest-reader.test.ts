import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatManifestLine,
  type ManifestEnd,
  type ManifestLine,
} from '../../../lib/core/backup/manifest.ts';
import { manifestReader } from '../../../lib/core/backup/manifest-reader.ts';
import { refusal } from '../wal/arbitraries.ts';
import { end, file, header, part } from './manifest-lines.ts';

const read = (...lines: readonly ManifestLine[]): ManifestEnd => {
  const reader = manifestReader('the manifest of b1');
  for (const line of lines) assert.deepEqual(reader.accept(formatManifestLine(line)), line);
  return reader.finish();
};

const sound: readonly ManifestLine[] = [
  header,
  part('part_001.tar.lz4', 2),
  file('base/1/1259'),
  file('pg_tblspc/16386/PG_17_202406281/5/16390'),
  part('part_002.tar.lz4', 0),
  part('pg_control.tar.lz4', 1),
  file('global/pg_control'),
  end(3, 3),
];

const damaged = (message: RegExp) => refusal('backup-damaged', message);

test('a whole manifest is accepted to its end', () => {
  assert.deepEqual(read(...sound), end(3, 3));
  assert.deepEqual(read(header, end(0, 0)), end(0, 0));
});

test('a manifest that lacks any one line, or its tail, is refused', () => {
  for (const index of sound.keys()) {
    assert.throws(
      () => read(...sound.toSpliced(index, 1)),
      damaged(/the manifest of b1/),
      `without line ${index + 1}`,
    );
    assert.throws(() => read(...sound.slice(0, index)), damaged(/before its end/), `cut after ${index}`);
  }
});

test('a manifest with any two different lines swapped is refused, unless both are files of equal size or whole parts', () => {
  const kinds = sound.map(({ kind }) => kind);
  fc.assert(
    fc.property(fc.nat(sound.length - 1), fc.nat(sound.length - 1), (one, other) => {
      fc.pre(kinds[one] !== kinds[other]);
      const swapped = sound.with(one, sound[other] ?? header).with(other, sound[one] ?? header);
      assert.throws(() => read(...swapped), damaged(/line/));
    }),
  );
});

test('each broken order says what is wrong, and in which line', () => {
  const [first] = [part('part_001.tar.lz4', 1)];
  for (const [lines, message] of [
    [[], /stops after line 0, before its end/],
    [[end(0, 0)], /line 1, is of kind end/],
    [[header, header], /line 2, is of kind backup/],
    [[header, file('x')], /line 2, is a file that its part does not count/],
    [[header, first, file('x'), file('y')], /line 4, is a file that its part does not count/],
    [[header, first, first], /line 3, comes 1 files too early/],
    [[header, first, end(1, 1)], /line 3, comes 1 files too early/],
    [[header, first, file('x'), first], /line 4, lists part part_001.tar.lz4 twice/],
    [[header, first, file('x'), end(2, 1)], /line 4, ends after 1 parts and 1 files of 5 bytes/],
    [[header, first, file('x'), end(1, 2)], /should have 1, 2 and 10/],
    [[header, first, file('x'), end(1, 1, 4)], /should have 1, 1 and 4/],
    [[header, end(0, 0), end(0, 0)], /line 3, follows the end/],
  ] as const) {
    assert.throws(() => read(...lines), damaged(message));
  }
});

test('a manifest cannot lead a restore out of the data directory', () => {
  for (const path of ['/etc/passwd', '../x', 'base/../../x', 'base//1', './x', '', 'x\0', 'base/']) {
    assert.throws(() => read(header, part('p', 1), file(path)), damaged(/line 3, names the file/), path);
  }
  for (const object of ['../p', 'a/b', '..', '', '/p', 'p\0']) {
    assert.throws(() => read(header, part(object, 0)), damaged(/line 2, names the part/), object);
  }
});

test('a line that cannot be read says where it stands', () => {
  const reader = manifestReader('the manifest of b1');
  reader.accept(formatManifestLine(header));
  assert.throws(
    () => reader.accept('{'),
    refusal('archive-document-invalid', /^the manifest of b1, line 2, is not JSON/),
  );
});
