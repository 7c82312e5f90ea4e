import { PipelineError } from '../errors.ts';
import { formatJson } from '../json.ts';

/**
 * The list of files that WAL-G keeps of a base backup: `files_metadata.json`, in old backups a part of the sentinel.
 *
 *     {"Files": {"/base/1/1259": {"IsIncremented": false, "IsSkipped": false, "MTime": "...", ...}, ...},
 *      "TarFileSets": {"part_001.tar.lz4": ["/base/1/1259", ...], ...}, "DatabasesByNames": {...}}
 *
 * It has an entry for every file and directory of the cluster and may exceed a gigabyte, so it is read and written as
 * a stream.
 */
export type ListedFile = {
  /** As the tar member is named: `/base/1/1259` in WAL-G's local backups, `base/1/1259` in its remote ones. */
  readonly name: string;
  /** The member is not the file but an increment to what the parent backup holds. */
  readonly isIncremented: boolean;
  /** The file is as it was in the parent backup, and only there. */
  readonly isSkipped: boolean;
};

export type FilesScanner = {
  /**
   * Takes the next piece of the document's text, and gives the entries of `Files` that it completes.
   *
   * @throws 'archive-document-invalid'
   */
  accept(text: string): readonly ListedFile[];
  /**
   * To be called after the last piece. The document that is left when `Files`, `TarFileSets` and `DatabasesByNames` are
   * emptied: small, and for whoever parses it to judge.
   */
  finish(): string;
};

/** What becomes of the content of these fields of the document; every other field is kept. */
const largeFields: ReadonlyMap<string, 'listed' | 'dropped'> = new Map([
  ['"Files"', 'listed'],
  ['"TarFileSets"', 'dropped'],
  ['"DatabasesByNames"', 'dropped'],
]);

const maxEntryCharacters = 2 ** 20;
const maxRestCharacters = 2 ** 24;

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const isOpening = (character: number): boolean => character === 0x5b || character === 0x7b;
const isClosing = (character: number): boolean => character === 0x5d || character === 0x7d;

const invalid = (message: string): PipelineError =>
  new PipelineError('archive-document-invalid', {
    message,
    hint: 'The list of files was damaged or written by something else; restore another base backup.',
  });

const parseObject = (text: string, what: string): object => {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw invalid(`an entry of ${what} is not JSON: ${String(thrown)}`);
  }
};

const flagOf = (facts: object, name: 'IsIncremented' | 'IsSkipped', what: string): boolean => {
  const flag: unknown = Object.hasOwn(facts, name) ? Reflect.get(facts, name) : false;
  if (typeof flag === 'boolean') return flag;
  throw invalid(`an entry of ${what} has ${name}, which is not true or false`);
};

/** There are millions of entries, so they do without the care for numbers that `parseJson` takes: only flags are read. */
const parseEntry = (text: string, what: string): ListedFile => {
  const [entry, ...more] = Object.entries(parseObject(`{${text}}`, what));
  if (entry === undefined || more.length > 0) throw invalid(`${what} lists a file without a name`);
  const [name, facts]: [string, unknown] = entry;
  if (typeof facts !== 'object' || facts === null) {
    throw invalid(`an entry of ${what}, field ${name.slice(0, 200)}, is not an object`);
  }
  return {
    name,
    isIncremented: flagOf(facts, 'IsIncremented', what),
    isSkipped: flagOf(facts, 'IsSkipped', what),
  };
};

/**
 * Takes the list of files apart while it streams by. Only brackets, commas and strings are looked at: they divide the
 * document into entries, each of which is then parsed as JSON, and a rest, so memory holds one entry and the rest.
 *
 * @param what names the document in errors
 */
export const filesScanner = (what: string): FilesScanner => {
  let depth = 0;
  let isInString = false;
  let isEscaped = false;
  let rest = '';
  /** Where in `rest` the name of the current field begins. */
  let fieldBegin = 0;
  let field: 'listed' | 'dropped' | undefined;
  let entry = '';
  let entries = 0;
  let complete: ListedFile[] = [];

  const keep = (text: string): void => {
    if (depth < 2 || field === undefined) rest += text;
    else if (field === 'listed') entry += text;
    if (entry.length > maxEntryCharacters) throw invalid(`${what} has an entry without an end`);
    if (rest.length > maxRestCharacters) {
      throw invalid(`${what} has more than ${maxRestCharacters} characters beside its list of files`);
    }
  };
  const endEntry = (isLast: boolean): void => {
    // Nothing at all between the brackets is an empty list.
    if (isLast && entries === 0 && entry.trim() === '') return;
    complete.push(parseEntry(entry, what));
    entry = '';
    entries += 1;
  };
  /** Looks at one character outside of strings; answers whether it is a divider that is itself not kept. */
  const divide = (character: number): void => {
    if (character === colon && depth === 1) field ??= largeFields.get(rest.slice(fieldBegin, -1).trim());
    if (isOpening(character)) depth += 1;
    if (depth !== 1 || (character !== comma && !isOpening(character))) return;
    field = undefined;
    fieldBegin = rest.length;
  };

  return {
    accept(text) {
      let begin = 0;
      const flush = (end: number): void => {
        keep(text.slice(begin, end));
        begin = end;
      };
      for (let at = 0; at < text.length; at += 1) {
        const character = text.charCodeAt(at);
        if (isInString) {
          if (isEscaped) isEscaped = false;
          else if (character === backslash) isEscaped = true;
          else if (character === quote) isInString = false;
        } else if (character === quote) {
          isInString = true;
        } else if (isClosing(character)) {
          if (depth === 2) {
            flush(at);
            if (field === 'listed') endEntry(true);
          }
          depth -= 1;
        } else if (character === comma && depth === 2 && field === 'listed') {
          flush(at);
          endEntry(false);
          begin = at + 1;
        } else if (depth < 2 && (isOpening(character) || character === comma || character === colon)) {
          flush(at + 1);
          divide(character);
        } else if (isOpening(character)) {
          depth += 1;
        }
      }
      flush(text.length);
      const listed = complete;
      complete = [];
      return listed;
    },
    finish: () => rest,
  };
};

/** What goes around and between the texts below: `Files` first, then `TarFileSets`. */
export const filesMetadataFrame = {
  begin: '{"Files":{',
  betweenMaps: '},"TarFileSets":{',
  end: '},"DatabasesByNames":{}}',
} as const;

/**
 * The entry of a whole file. The time has milliseconds where WAL-G writes nanoseconds: a later delta of WAL-G takes a
 * file for unchanged only when its time is equal, and with a time that is cut off it rather stores an unchanged file
 * again than leaves a changed one out.
 */
export const formatListedFile = (name: string, modifiedAt: Date): string => {
  const facts = { IsSkipped: false, IsIncremented: false, MTime: modifiedAt.toISOString(), UpdatesCount: 0 };
  return `${formatJson(name)}:${formatJson(facts)}`;
};

/** The entry of a part: which members the object of that name holds. */
export const formatTarFileSet = (object: string, names: readonly string[]): string =>
  `${formatJson(object)}:${formatJson(names)}`;
