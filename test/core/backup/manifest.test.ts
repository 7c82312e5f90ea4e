import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatManifestLine,
  type ManifestLine,
  parseManifestLine,
} from '../../../lib/core/backup/manifest.ts';
import { fieldReader, formatJson, type JsonValue, parseJson } from '../../../lib/core/json.ts';
import { refusal } from '../wal/arbitraries.ts';
import { end, file, header, part, sha256 } from './manifest-lines.ts';

const lines: readonly ManifestLine[] = [header, part('part_001.tar.lz4', 1), file('base/1/1259'), end(1, 1)];

test('every line is one line, and reads as what was written', () => {
  for (const line of lines) {
    const text = formatManifestLine(line);
    assert.equal(text.indexOf('\n'), text.length - 1);
    assert.deepEqual(parseManifestLine(text), line);
    assert.deepEqual(parseManifestLine(text.trimEnd()), line);
  }
});

test('identifiers and places are text that any JSON reader keeps', () => {
  assert.match(formatManifestLine(header), /"systemIdentifier":"7439846182437945713"/);
  assert.match(formatManifestLine(header), /"startLsn":"0\/3000028"/);
  assert.match(formatManifestLine(end(1, 1)), /"stopLsn":"0\/3000138"/);
});

test('any path and size comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.maxSafeNat(), (path, bytes) => {
      const line = file(path, bytes);
      assert.deepEqual(parseManifestLine(formatManifestLine(line)), line);
    }),
  );
});

test('a file from an impossible year keeps the backup going', () => {
  const at = (time: number): Date => {
    const line = parseManifestLine(formatManifestLine({ ...file('x'), modifiedAt: new Date(time) }));
    assert(line.kind === 'file');
    return line.modifiedAt;
  };
  assert.equal(at(8.64e15).getUTCFullYear(), 9999);
  assert.equal(at(-8.64e15).getUTCFullYear(), 1901);
});

test('a line that cannot be meant is refused', () => {
  const broken = (line: ManifestLine, over: { readonly [name: string]: JsonValue | undefined }): string => {
    const fields = fieldReader(parseJson(formatManifestLine(line), 'a line'), 'a line');
    const sound = fields.names.map((name) => [name, fields.value(name)]);
    return JSON.stringify({ ...Object.fromEntries(sound), ...over });
  };
  const [, somePart = header, someFile = header, someEnd = header] = lines;
  for (const [text, message] of [
    ['', /is not JSON/],
    ['[]', /is not an object/],
    ['{}', /no field kind/],
    [broken(header, { kind: 'other' }), /of kind "other"/],
    [broken(header, { version: 2 }), /has version 2; this walwarden reads version 1/],
    [broken(header, { memberStyle: 'x' }), /memberStyle, is "x"/],
    [broken(header, { systemIdentifier: '0' }), /field systemIdentifier: /],
    [broken(header, { segmentBytes: 17 }), /field segmentBytes: /],
    [broken(header, { startLsn: '3000028' }), /field startLsn: /],
    [broken(header, { startTimelineId: 0 }), /field startTimelineId: /],
    [broken(header, { startedAt: 'today' }), /startedAt/],
    [broken(header, { tablespaces: [1] }), /field tablespaces,/],
    [broken(somePart, { objectBytes: -1 }), /field objectBytes, is -1/],
    [broken(somePart, { tarBytes: 1.5 }), /tarBytes/],
    [broken(somePart, { files: undefined }), /files/],
    [broken(somePart, { sha256: sha256.toUpperCase() }), /no SHA-256/],
    [broken(someFile, { sha256: sha256.slice(1) }), /no SHA-256/],
    [broken(someFile, { bytes: -5 }), /field bytes, is -5/],
    [broken(someFile, { path: 1 }), /path/],
    [broken(someEnd, { stopLsn: '' }), /field stopLsn: /],
    [broken(someEnd, { stopTimelineId: -1 }), /field stopTimelineId: /],
    [broken(someEnd, { bytes: null }), /bytes/],
    [formatJson({ kind: 'file', path: 'x'.repeat(2 ** 20) }), /characters/],
    [`${'['.repeat(50)}${']'.repeat(50)}`, /nested/],
  ] as const) {
    assert.throws(
      () => parseManifestLine(text, 'line 1'),
      refusal('archive-document-invalid', message),
      text.slice(0, 200),
    );
  }
});
