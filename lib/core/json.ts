import { strict as assert } from 'node:assert';
import { PipelineError } from './errors.ts';

/** JSON in which integers beyond 2^53 keep every digit, as bigint. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

export type JsonObject = { readonly [name: string]: JsonValue };

// ECMAScript 2026 (JSON.parse source text access), in Node since 22 but not yet in TypeScript's libraries.
declare global {
  interface JSON {
    parse(
      text: string,
      reviver: (key: string, value: JsonValue, context: { readonly source?: string }) => JsonValue,
    ): JsonValue;
    rawJSON(text: string): unknown;
  }
}

/** How much a document may ask of its reader. Documents come out of a bucket, and anybody may have written there. */
export type JsonLimits = { readonly maxDepth?: number; readonly maxCharacters?: number };

const integerDigits = /^-?[0-9]+$/;

// BigInt('9'.repeat(1e7)) takes minutes; nothing that is archived counts beyond 64 bits.
const maxIntegerCharacters = 80;

const invalid = (message: string, cause?: unknown): PipelineError =>
  new PipelineError('archive-document-invalid', {
    message,
    hint: 'The document was damaged or written by something else; the object of that name in the bucket shows which.',
    cause,
  });

const quote = 0x22;
const backslash = 0x5c;
const isOpening = (character: number): boolean => character === 0x5b || character === 0x7b;
const isClosing = (character: number): boolean => character === 0x5d || character === 0x7d;

/**
 * The deepest nesting of brackets outside of strings. JSON.parse with a reviver descends by recursion, and what a stack
 * overflow leaves behind is nobody's promise; so depth is known before it starts.
 */
const deepestNesting = (text: string): number => {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charCodeAt(index);
    if (character === quote) {
      isInString = !isInString;
    } else if (isInString) {
      if (character === backslash) index += 1;
    } else if (isOpening(character)) {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (isClosing(character)) {
      depth -= 1;
    }
  }
  return deepest;
};

/**
 * Reads JSON. Integers that a JavaScript number cannot hold exactly become bigint; numbers written with a fraction or an
 * exponent stay numbers. A field named `__proto__` is refused, because code that copies fields by assignment would take it
 * for the object's prototype.
 *
 * @param what names the document in errors, such as its key
 * @throws 'archive-document-invalid'
 */
export const parseJson = (text: string, what: string, limits: JsonLimits = {}): JsonValue => {
  const { maxDepth = 100, maxCharacters = 256 * 2 ** 20 } = limits;
  if (text.length > maxCharacters) {
    throw invalid(`${what} has ${text.length} characters, more than the ${maxCharacters} that are read`);
  }
  if (deepestNesting(text) > maxDepth) {
    throw invalid(`${what} is nested deeper than ${maxDepth} levels`);
  }
  const revive = (key: string, value: JsonValue, { source }: { readonly source?: string }): JsonValue => {
    if (key === '__proto__') throw invalid(`${what} has a field named __proto__`);
    if (typeof value !== 'number' || source === undefined) return value;
    if (Number.isSafeInteger(value) || !integerDigits.test(source)) return value;
    if (source.length > maxIntegerCharacters) {
      throw invalid(`${what} has a number of ${source.length} digits in field ${JSON.stringify(key)}`);
    }
    return BigInt(source);
  };
  try {
    return JSON.parse(text, revive);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) throw invalid(`${what} is not JSON: ${thrown.message}`, thrown);
    throw thrown;
  }
};

/** Writes JSON, bigint as plain decimal digits. `indent` is a number of spaces; without it everything is on one line. */
export const formatJson = (value: JsonValue, indent?: number): string =>
  JSON.stringify(
    value,
    (_key: string, part: unknown) => {
      assert(
        typeof part !== 'number' || Number.isFinite(part),
        'JSON has no word for NaN and the infinities',
      );
      return typeof part === 'bigint' ? JSON.rawJSON(part.toString()) : part;
    },
    indent,
  );

/**
 * Reads the fields of one JSON object. Every method throws 'archive-document-invalid' with the document's name and the
 * field's when the field is of another type. The `optional` ones give `undefined` for a field that is missing or null.
 */
export type FieldReader = {
  /** The object's field names, in the document's order. */
  readonly names: readonly string[];
  /** The field as it stands, null included. */
  value(name: string): JsonValue | undefined;
  string(name: string): string;
  optionalString(name: string): string | undefined;
  /** An integer within +-2^53. */
  integer(name: string): number;
  optionalInteger(name: string): number | undefined;
  /** Any integer. */
  bigint(name: string): bigint;
  optionalBigint(name: string): bigint | undefined;
  boolean(name: string): boolean;
  optionalBoolean(name: string): boolean | undefined;
  /** A time as ISO 8601 and RFC 3339 write it; digits beyond milliseconds are dropped. */
  time(name: string): Date;
  optionalTime(name: string): Date | undefined;
  object(name: string): FieldReader;
  optionalObject(name: string): FieldReader | undefined;
  array(name: string): readonly JsonValue[];
  optionalArray(name: string): readonly JsonValue[] | undefined;
  strings(name: string): readonly string[];
  optionalStrings(name: string): readonly string[] | undefined;
};

const isJsonObject = (value: JsonValue): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isJsonArray = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value);
const isString = (value: JsonValue): value is string => typeof value === 'string';
const isBoolean = (value: JsonValue): value is boolean => typeof value === 'boolean';

type Reading<Read> = (value: JsonValue, field: string) => Read | undefined;

const readString: Reading<string> = (value) => (isString(value) ? value : undefined);
const readBoolean: Reading<boolean> = (value) => (isBoolean(value) ? value : undefined);
const readArray: Reading<readonly JsonValue[]> = (value) => (isJsonArray(value) ? value : undefined);
const readStrings: Reading<readonly string[]> = (value) =>
  isJsonArray(value) && value.every(isString) ? value : undefined;
const readObject: Reading<FieldReader> = (value, field) =>
  isJsonObject(value) ? fieldReader(value, field) : undefined;
const readInteger: Reading<number> = (value) =>
  typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
const readBigint: Reading<bigint> = (value) => {
  if (typeof value === 'bigint') return value;
  const integer = readInteger(value, '');
  return integer === undefined ? undefined : BigInt(integer);
};

const timeText =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})$/;
const readTime: Reading<Date> = (value) => {
  if (!isString(value) || !timeText.test(value)) return undefined;
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? undefined : time;
};

const describe = (value: JsonValue): string => {
  const text = formatJson(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
};

/** @throws 'archive-document-invalid' when `value` is not an object */
export const fieldReader = (value: JsonValue, what: string): FieldReader => {
  if (!isJsonObject(value)) throw invalid(`${what} is not an object but ${describe(value)}`);

  // Own fields only: a field called "constructor" is missing unless the document has one.
  const field = (name: string): JsonValue | undefined =>
    Object.hasOwn(value, name) ? value[name] : undefined;
  const optional =
    <Read>(type: string, read: Reading<Read>) =>
    (name: string): Read | undefined => {
      const found = field(name);
      if (found === undefined || found === null) return undefined;
      const result = read(found, `${what}, field ${name},`);
      if (result === undefined) {
        throw invalid(`${what}, field ${name}, is not ${type} but ${describe(found)}`);
      }
      return result;
    };
  const required =
    <Read>(type: string, read: Reading<Read>) =>
    (name: string): Read => {
      const result = optional(type, read)(name);
      if (result === undefined) throw invalid(`${what} has no field ${name}`);
      return result;
    };
  return {
    names: Object.keys(value),
    value: field,
    string: required('text', readString),
    optionalString: optional('text', readString),
    integer: required('an integer', readInteger),
    optionalInteger: optional('an integer', readInteger),
    bigint: required('an integer', readBigint),
    optionalBigint: optional('an integer', readBigint),
    boolean: required('true or false', readBoolean),
    optionalBoolean: optional('true or false', readBoolean),
    time: required('a time', readTime),
    optionalTime: optional('a time', readTime),
    object: required('an object', readObject),
    optionalObject: optional('an object', readObject),
    array: required('a list', readArray),
    optionalArray: optional('a list', readArray),
    strings: required('a list of texts', readStrings),
    optionalStrings: optional('a list of texts', readStrings),
  };
};
