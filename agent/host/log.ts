import type { Clock } from '../../lib/core/ports.ts';
import { mask } from '../settings/secret.ts';
import { type Facts, type LogEvent, type LogLevel, logLevels } from './log-event.ts';
import { formatEvent, type LogFormat } from './log-format.ts';

/** Writes one event; `message` is for people and says in words what the facts do not. */
export type WriteEvent = (action: string, facts?: Facts, message?: string) => void;

export type Log = { readonly [Level in LogLevel]: WriteEvent } & {
  /** A log whose every event also carries these facts. */
  child(facts: Facts): Log;
};

/** The log of a program: what changes once the settings are known. */
export type ProgramLog = Log & {
  configure(shape: { readonly format: LogFormat; readonly level: LogLevel }): void;
  /** From now on the text appears as `***` in every event, percent-encoded as in a URL too. */
  hide(secret: string): void;
};

/** Opens a log that hands each event, formatted and without a final newline, to `writeLine`. */
export const openLog = (parts: {
  readonly clock: Clock;
  readonly pid: number;
  readonly format: LogFormat;
  readonly level: LogLevel;
  readonly colours: boolean;
  readonly writeLine: (line: string) => void;
}): ProgramLog => {
  let { format, level: least } = parts;
  const hidden = new Set<string>();
  const redact = (text: string): string => redacted(text, hidden);

  const writer =
    (level: LogLevel, common: Facts): WriteEvent =>
    (action, facts = {}, message) => {
      if (logLevels.indexOf(level) < logLevels.indexOf(least)) return;
      const event: LogEvent = {
        time: parts.clock.now(),
        level,
        action: redact(action),
        facts: redactedFacts(withRate({ ...common, ...facts }), redact),
        message: message === undefined ? undefined : redact(message),
      };
      parts.writeLine(formatEvent(event, format, { colours: parts.colours, pid: parts.pid }));
    };
  const logWith = (common: Facts): Log => ({
    debug: writer('debug', common),
    info: writer('info', common),
    warn: writer('warn', common),
    error: writer('error', common),
    child: (facts) => logWith({ ...common, ...facts }),
  });
  return {
    ...logWith({}),
    configure: (shape) => {
      format = shape.format;
      least = shape.level;
    },
    hide: (secret) => {
      for (const text of [secret, encodeURIComponent(secret.toWellFormed())]) {
        if (text !== '') hidden.add(text);
      }
    },
  };
};

/** Shorter secrets are hidden only where they stand alone; hiding every "a" would hide nothing else any better. */
const leastHiddenInside = 4;

const redacted = (text: string, hidden: ReadonlySet<string>): string => {
  let shown = text;
  // The longest first: a secret may contain another one.
  for (const secret of [...hidden].sort((left, right) => right.length - left.length)) {
    if (shown === secret) return mask;
    if (secret.length >= leastHiddenInside) shown = shown.replaceAll(secret, mask);
  }
  return shown;
};

const redactedFacts = (facts: Facts, redact: (text: string) => string): Facts =>
  Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [name, typeof value === 'string' ? redact(value) : value]),
  );

const withRate = (facts: Facts): Facts => {
  const { bytes, seconds, rate } = facts;
  const isAmount = typeof bytes === 'number' || typeof bytes === 'bigint';
  if (rate !== undefined || !isAmount || typeof seconds !== 'number' || seconds <= 0) return facts;
  return { ...facts, rate: Math.round(Number(bytes) / seconds) };
};
