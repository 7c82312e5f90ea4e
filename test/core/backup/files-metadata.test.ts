import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  filesMetadataFrame,
  filesScanner,
  formatListedFile,
  formatTarFileSet,
  type ListedFile,
} from '../../../lib/core/backup/files-metadata.ts';
import { parseJson } from '../../../lib/core/json.ts';
import { refusal } from '../wal/arbitraries.ts';

/** Reads the text in pieces of that length. */
const scan = (text: string, pieceLength = text.length): { files: readonly ListedFile[]; rest: unknown } => {
  const scanner = filesScanner('the list');
  const files: ListedFile[] = [];
  for (let at = 0; at < text.length; at += pieceLength) {
    files.push(...scanner.accept(text.slice(at, at + pieceLength)));
  }
  return { files, rest: parseJson(scanner.finish(), 'the list') };
};

const invalid = (message: RegExp) => refusal('archive-document-invalid', message);

const listed = (name: string, facts: Partial<ListedFile> = {}): ListedFile => ({
  name,
  isIncremented: false,
  isSkipped: false,
  ...facts,
});

const document = String.raw`
 { "Files" : {
     "/base/1/1259": {"IsIncremented": true, "IsSkipped": false, "MTime": "2026-01-01T00:00:00Z",
        "CorruptBlocks": {"CorruptBlocksCount": 2, "SomeCorruptBlocks": [1, 2]}, "UpdatesCount": 18446744073709551615},
     "/a \"quoted\", {odd} \\ [name]" : {"IsSkipped":true}, "/\u003cplain\u003e":{}
   },
   "TarFileSets": {"part_001.tar.lz4": ["/base/1/1259", "]}"], "none": []},
   "DatabasesByNames": {"postgres": {"oid": 5, "tables_new": {"public.t": {"subtables": {}}}}},
   "LSN": 7441234567890123456, "Spec": {"Files": {"loc": [1]}} }
`;

const inDocument: readonly ListedFile[] = [
  listed('/base/1/1259', { isIncremented: true }),
  listed('/a "quoted", {odd} \\ [name]', { isSkipped: true }),
  listed('/<plain>'),
];

test('files are found wherever the document is cut into pieces, and the rest is kept without its maps', () => {
  for (let pieceLength = 1; pieceLength <= document.length; pieceLength += 1) {
    assert.deepEqual(scan(document, pieceLength), {
      files: inDocument,
      rest: {
        Files: {},
        TarFileSets: {},
        DatabasesByNames: {},
        LSN: 7441234567890123456n,
        Spec: { Files: { loc: [1] } },
      },
    });
  }
});

test('a document without a list, or with an empty one, lists nothing', () => {
  for (const text of [
    '{}',
    '{"LSN":1}',
    '{"Files":null}',
    '{"Files":{}}',
    '{"Files":{ \n}}',
    '[]',
    '[1,{"Files":{}}]',
  ]) {
    assert.deepEqual(scan(text).files, [], text);
  }
});

test('a document that is cut anywhere is refused', () => {
  const text = document.trim();
  for (let length = 0; length < text.length; length += 1) {
    assert.throws(() => scan(text.slice(0, length) || ' '), invalid(/the list is not JSON/), String(length));
  }
});

test('what lists something that is no file is refused', () => {
  for (const [text, message] of [
    ['{"Files":{"a":{},}}', /lists a file without a name/],
    ['{"Files":{,"a":{}}}', /lists a file without a name/],
    ['{"Files":["a"]}', /an entry of the list is not JSON/],
    ['{"Files":{"a":null}}', /field a, is not an object/],
    ['{"Files":{"a":1}}', /an entry of the list, field a, is not an object/],
    ['{"Files":{"a":{"IsSkipped":"no"}}}', /IsSkipped, which is not true or false/],
    ['{"Files":{"a":{}}}}', /the list is not JSON/],
    ['{"Files":{"a" {}}}', /an entry of the list is not JSON/],
    [`{"Files":{"${'a'.repeat(2 ** 20)}":{}}}`, /has an entry without an end/],
    [`{"UserData":"${'a'.repeat(2 ** 24)}"}`, /more than 16777216 characters beside its list/],
  ] as const) {
    assert.throws(() => scan(text), invalid(message), text.slice(0, 40));
  }
});

test('the lists that are dropped may be of any size', () => {
  const scanner = filesScanner('the list');
  scanner.accept('{"TarFileSets":{"part_001.tar":[');
  for (let megabyte = 0; megabyte < 20; megabyte += 1) scanner.accept(`"${'a'.repeat(2 ** 20)}",`);
  scanner.accept('""]}}');
  assert.equal(scanner.finish(), '{"TarFileSets":{}}');
});

test('what is written for WAL-G is read back, whatever the names', () => {
  const name = fc.string({ unit: 'binary', minLength: 1 });
  fc.assert(
    fc.property(fc.uniqueArray(name), fc.integer({ min: 1, max: 50 }), (names, pieceLength) => {
      const text =
        filesMetadataFrame.begin +
        names.map((file) => formatListedFile(file, new Date(0))).join(',') +
        filesMetadataFrame.betweenMaps +
        formatTarFileSet('part_001.tar.lz4', names) +
        filesMetadataFrame.end;
      assert.deepEqual(
        scan(text, pieceLength).files,
        names.map((file) => listed(file)),
      );
    }),
  );
});

test("an entry has WAL-G's fields", () => {
  assert.equal(
    formatListedFile('/base/1/1259', new Date(1_700_000_000_123)),
    '"/base/1/1259":{"IsSkipped":false,"IsIncremented":false,"MTime":"2023-11-14T22:13:20.123Z","UpdatesCount":0}',
  );
});
