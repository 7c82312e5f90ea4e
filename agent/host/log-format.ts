import type { Facts, LogEvent } from './log-event.ts';
import { formatBytes, formatDuration, visible } from './output.ts';

export type LogFormat = 'json' | 'logfmt' | 'pretty';

type Style = { readonly colours: boolean; readonly pid: number };
type Fact = string | number | bigint | boolean;

/** One event as text without a final newline. Only `pretty` takes more than one line: for a hint and for a stack. */
export const formatEvent = (event: LogEvent, format: LogFormat, style: Style): string => {
  if (format === 'pretty') return formatPretty(event, style.colours);
  const fields = fieldsOf(event, style.pid);
  return format === 'json'
    ? `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${jsonValue(value)}`).join(',')}}`
    : fields.map(([name, value]) => `${logfmtName(name)}=${logfmtValue(value)}`).join(' ');
};

const fieldsOf = (event: LogEvent, pid: number): readonly (readonly [string, Fact])[] => {
  const { state, ...rest } = event.facts;
  const fields: Facts = {
    time: event.time.toISOString(),
    level: event.level,
    action: event.action,
    state,
    message: event.message,
  };
  // A fact never takes the place of a field that every event has.
  const own = Object.entries(rest).filter(([name]) => !(name in fields) && name !== 'pid');
  return present([...Object.entries(fields), ...own, ['pid', pid]]);
};

const present = (
  entries: readonly (readonly [string, Fact | undefined])[],
): readonly (readonly [string, Fact])[] =>
  entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));

/**
 * A bigint becomes a plain number; one that is no number at all (NaN, Infinity) becomes null, as JSON has none. What
 * some reader might take for the end of a line, and marks that nobody sees, are escaped beyond what JSON asks for.
 */
const jsonValue = (value: Fact): string =>
  typeof value === 'bigint'
    ? String(value)
    : JSON.stringify(value).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
        Array.from({ length: character.length }, (_, index) => utf16Escape(character.charCodeAt(index))).join(
          '',
        ),
      );

const utf16Escape = (unit: number): string => `\\u${unit.toString(16).padStart(4, '0')}`;

/** A name may hold nothing that ends it. */
const logfmtName = (name: string): string => name.replace(/[^A-Za-z0-9_.-]/g, '_') || '_';

/** Bare where no reader could split it, else in double quotes with backslash escapes (as Go's logfmt packages do). */
const logfmtValue = (value: Fact): string => {
  const text = String(value);
  if (/^[!#-<>-[\]-~]+$/.test(text)) return text;
  return `"${visible(text.replace(/["\\]/g, '\\$&'))}"`;
};

const colourOf = { debug: 2, info: 36, warn: 33, error: 31 } as const;

const formatPretty = (event: LogEvent, colours: boolean): string => {
  const paint = (text: string, code: number): string => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  const { state, key, hint, stack, ...rest } = event.facts;
  const time = event.time.toISOString().slice(11, 19);
  const words = [event.action, state, key].flatMap((word) =>
    word === undefined ? [] : [visible(String(word))],
  );
  const facts = present(Object.entries(rest)).map(
    ([name, value]) => `${paint(`${logfmtName(name)}=`, 2)}${prettyValue(name, value)}`,
  );
  const message = event.message === undefined ? [] : [`- ${visible(event.message)}`];
  const first = [
    paint(time, 2),
    paint(event.level.padEnd(5), colourOf[event.level]),
    ...words,
    ...facts,
    ...message,
  ];
  const hints = hint === undefined ? [] : [`${' '.repeat(15)}${paint('hint:', 1)} ${visible(String(hint))}`];
  const stacks = stack === undefined ? [] : String(stack).split('\n').map(visible);
  return [first.join(' '), ...hints, ...stacks].join('\n');
};

const prettyValue = (name: string, value: Fact): string => {
  const isAmount = typeof value === 'number' || typeof value === 'bigint';
  if (isAmount && name === 'rate') return quotedIfSpaced(`${formatBytes(value)}/s`);
  if (isAmount && /(^b|B)ytes$/.test(name)) return quotedIfSpaced(formatBytes(value));
  if (typeof value === 'number' && /(^s|S)econds$/.test(name)) return quotedIfSpaced(formatDuration(value));
  return logfmtValue(value);
};

const quotedIfSpaced = (text: string): string => text.replaceAll(' ', '');
