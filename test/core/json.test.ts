import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fieldReader, formatJson, type JsonValue, parseJson } from '../../lib/core/json.ts';

const invalid = (message: RegExp | string) => ({
  name: 'PipelineError',
  code: 'archive-document-invalid',
  message,
});

test('integers beyond 2^53 keep every digit, and all others stay numbers', () => {
  const text =
    '{"big":7390000000000000001,"negative":-9007199254740993,"edge":9007199254740991,"past":[9007199254740992],"small":-3}';
  assert.deepEqual(parseJson(text, 'x'), {
    big: 7390000000000000001n,
    negative: -9007199254740993n,
    edge: 9007199254740991,
    past: [9007199254740992n],
    small: -3,
  });
  assert.equal(formatJson(parseJson(text, 'x')), text);
});

test('a number with a fraction or an exponent stays a number', () => {
  assert.deepEqual(
    parseJson('[1.5, 1e3, 1E20, 9007199254740993.0, -0.0]', 'x'),
    [1.5, 1000, 1e20, 9007199254740992, -0],
  );
});

test('text that looks like a number stays text', () => {
  assert.deepEqual(parseJson('{"a":"7390000000000000001"}', 'x'), { a: '7390000000000000001' });
});

test('every value comes back from its text', () => {
  const leaf = fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.string(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Number.isInteger(value)),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n }),
    fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) }),
  );
  const { tree } = fc.letrec<{ tree: JsonValue }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(
        fc.string().filter((name) => name !== '__proto__'),
        tie('tree'),
        { maxKeys: 4, noNullPrototype: true },
      ),
    ),
  }));
  fc.assert(
    fc.property(tree, fc.constantFrom(undefined, 2), (value, indent) => {
      // -0 is written as 0, as JSON.stringify does.
      const expected = JSON.parse(
        JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? `${part}n` : part)),
      );
      const actual = parseJson(formatJson(value, indent), 'x');
      assert.deepEqual(
        JSON.parse(JSON.stringify(actual, (_key, part) => (typeof part === 'bigint' ? `${part}n` : part))),
        expected,
      );
    }),
  );
});

test('a document is written on one line or indented', () => {
  assert.equal(formatJson({ a: [1n, 'b'] }), '{"a":[1,"b"]}');
  assert.equal(formatJson({ a: 7390000000000000001n }, 2), '{\n  "a": 7390000000000000001\n}');
});

test('a number that JSON cannot say is our own bug', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => formatJson({ value }), { name: 'AssertionError' });
  }
});

test('what is not JSON is refused with the name of the document', () => {
  for (const text of ['', '{', '{"a":01}', '{a:1}', '\ufeff{}', '{"a":1}}', '"\n"', '"open', '"\\"']) {
    assert.throws(
      () => parseJson(text, 'wal/x.json'),
      invalid(/^wal\/x\.json is not JSON: /),
      JSON.stringify(text),
    );
  }
});

test('a field that would be taken for the prototype is refused at any depth', () => {
  assert.throws(
    () => parseJson('{"__proto__":{"isPermanent":true}}', 'x'),
    invalid('x has a field named __proto__'),
  );
  assert.throws(
    () => parseJson('[{"a":{"\\u005f_proto__":1}}]', 'x'),
    invalid('x has a field named __proto__'),
  );
});

test('nesting is refused beyond the limit, and brackets in text do not count', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  parseJson(nested(100), 'x');
  assert.throws(() => parseJson(nested(101), 'x'), invalid('x is nested deeper than 100 levels'));
  assert.throws(
    () => parseJson('{"a":'.repeat(3_000_000), 'x'),
    invalid('x is nested deeper than 100 levels'),
  );
  assert.deepEqual(parseJson(JSON.stringify('\\"[{'.repeat(200)), 'x'), '\\"[{'.repeat(200));
  assert.deepEqual(parseJson('[[],[],{},{}]', 'x', { maxDepth: 2 }), [[], [], {}, {}]);
});

test('a document of too many characters and a number of too many digits are refused', () => {
  assert.throws(
    () => parseJson('[1, 2]', 'x', { maxCharacters: 5 }),
    invalid('x has 6 characters, more than the 5 that are read'),
  );
  assert.throws(
    () => parseJson(`{"LSN":${'9'.repeat(5_000_000)}}`, 'x'),
    invalid('x has a number of 5000000 digits in field "LSN"'),
  );
});

const document = `{
  "text": "a", "integer": 5, "big": 7390000000000000001, "fraction": 1.5, "yes": true, "nothing": null,
  "time": "2026-01-02T03:04:05.123456789Z", "zoned": "2026-01-02T03:04:05+01:00",
  "object": {"inner": 7}, "list": [1, "b"], "texts": ["a", "b"]
}`;
const reader = fieldReader(parseJson(document, 'sentinel'), 'sentinel');

test('fields are read by their type', () => {
  assert.equal(reader.string('text'), 'a');
  assert.equal(reader.integer('integer'), 5);
  assert.equal(reader.bigint('integer'), 5n);
  assert.equal(reader.bigint('big'), 7390000000000000001n);
  assert.equal(reader.boolean('yes'), true);
  assert.equal(reader.time('time').toISOString(), '2026-01-02T03:04:05.123Z');
  assert.equal(reader.time('zoned').toISOString(), '2026-01-02T02:04:05.000Z');
  assert.equal(reader.object('object').integer('inner'), 7);
  assert.deepEqual(reader.array('list'), [1, 'b']);
  assert.deepEqual(reader.strings('texts'), ['a', 'b']);
  assert.equal(reader.value('nothing'), null);
  assert.equal(reader.value('absent'), undefined);
  assert.deepEqual(reader.names.slice(0, 2), ['text', 'integer']);
});

test('an optional field may be missing or null', () => {
  for (const name of ['absent', 'nothing']) {
    assert.equal(reader.optionalString(name), undefined);
    assert.equal(reader.optionalInteger(name), undefined);
    assert.equal(reader.optionalBigint(name), undefined);
    assert.equal(reader.optionalBoolean(name), undefined);
    assert.equal(reader.optionalTime(name), undefined);
    assert.equal(reader.optionalObject(name), undefined);
    assert.equal(reader.optionalArray(name), undefined);
    assert.equal(reader.optionalStrings(name), undefined);
  }
  assert.equal(reader.optionalString('text'), 'a');
});

test('a required field that is missing or null is named with its document', () => {
  assert.throws(() => reader.string('absent'), invalid('sentinel has no field absent'));
  assert.throws(() => reader.string('nothing'), invalid('sentinel has no field nothing'));
  assert.throws(
    () => reader.object('object').string('deep'),
    invalid('sentinel, field object, has no field deep'),
  );
});

test('a field of another type is refused, required or optional, and what it holds is shown', () => {
  for (const [read, message] of [
    [() => reader.string('integer'), 'sentinel, field integer, is not text but 5'],
    [() => reader.optionalString('yes'), 'sentinel, field yes, is not text but true'],
    [() => reader.integer('big'), 'sentinel, field big, is not an integer but 7390000000000000001'],
    [() => reader.integer('fraction'), 'sentinel, field fraction, is not an integer but 1.5'],
    [() => reader.integer('text'), 'sentinel, field text, is not an integer but "a"'],
    [() => reader.bigint('fraction'), 'sentinel, field fraction, is not an integer but 1.5'],
    [() => reader.boolean('integer'), 'sentinel, field integer, is not true or false but 5'],
    [() => reader.time('text'), 'sentinel, field text, is not a time but "a"'],
    [() => reader.time('integer'), 'sentinel, field integer, is not a time but 5'],
    [() => reader.object('list'), 'sentinel, field list, is not an object but [1,"b"]'],
    [() => reader.array('object'), 'sentinel, field object, is not a list but {"inner":7}'],
    [() => reader.strings('list'), 'sentinel, field list, is not a list of texts but [1,"b"]'],
    [() => reader.strings('text'), 'sentinel, field text, is not a list of texts but "a"'],
  ] as const) {
    assert.throws(read, invalid(message));
  }
});

test('a date that the calendar does not have is no time', () => {
  const times = fieldReader(parseJson('{"month":"2026-13-01T00:00:00Z","bare":"2026-01-01"}', 'x'), 'x');
  assert.throws(() => times.time('month'), invalid(/is not a time/));
  assert.throws(() => times.time('bare'), invalid(/is not a time/));
});

test('what every object inherits is not a field', () => {
  for (const name of ['constructor', 'toString', '__proto__']) {
    assert.equal(reader.value(name), undefined);
    assert.throws(() => reader.object(name), invalid(`sentinel has no field ${name}`));
  }
});

test('what is not an object has no fields, and only the begin of it is quoted', () => {
  assert.throws(() => fieldReader(null, 'x'), invalid('x is not an object but null'));
  assert.throws(() => fieldReader([1], 'x'), invalid('x is not an object but [1]'));
  assert.throws(
    () => fieldReader('y'.repeat(1000), 'x'),
    invalid(`x is not an object but "${'y'.repeat(59)}...`),
  );
});
