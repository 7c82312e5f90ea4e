import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { PipelineError } from '../lib/core/errors.ts';
import type { Clock } from '../lib/core/ports.ts';
import type { Log } from './host/log.ts';
import type { ProgressFactory } from './host/progress.ts';
import { nearest } from './host/spelling.ts';
import { foreignOptions } from './settings/foreign-options.ts';
import type { Settings } from './settings/settings.ts';
import type { Sources } from './settings/sources.ts';

/** `wal-push` and `wal-fetch` are PostgreSQL's, the operator's are typed by people or timers, the general ones explain. */
export type CommandGroup = 'host' | 'operator' | 'general';

export type OptionSpec = {
  readonly type: 'string' | 'boolean';
  /** How the help calls the option's value: `DIR`. For options of type string. */
  readonly value?: string;
  readonly doc: string;
  readonly short?: string;
  /** May be given more than once. For options of type string. */
  readonly multiple?: boolean;
};

/** An optional argument stands behind all that are not. */
export type ArgumentSpec = { readonly name: string; readonly doc: string; readonly optional?: boolean };

/** What the command line said, by the names of the command's own options; another name is a mistake of ours. */
export type ParsedOptions = {
  string(name: string): string | undefined;
  strings(name: string): readonly string[];
  boolean(name: string): boolean;
};

export type CommandContext = {
  readonly settings: Settings;
  /** Where the settings come from, for the one command that explains that. */
  readonly sources: Sources;
  readonly log: Log;
  readonly clock: Clock;
  /** Aborted with a `PipelineError` 'interrupted' on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  readonly options: ParsedOptions;
  readonly arguments: readonly string[];
  /** Writes a result to the standard output; a final newline is added where none is. */
  print(text: string): void;
  readonly progress: ProgressFactory;
};

/**
 * One command as its module exports it, under the name `command`. The module is loaded for the help of all commands
 * too, so it imports what its work needs inside `run`.
 */
export type Command = {
  readonly name: string;
  readonly group: CommandGroup;
  /** A few words for the list of commands. */
  readonly summary: string;
  /** What follows the command's name: `[--permanent] NAME`. */
  readonly usage: string;
  readonly description: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Options of WAL-G and WAL-E that change nothing here and are accepted; `doc` is why they change nothing. */
  readonly foreignOptions?: Readonly<Record<string, OptionSpec>>;
  readonly arguments: readonly ArgumentSpec[];
  /** Resolves with the exit status; nothing means 0. */
  readonly run: (context: CommandContext) => Promise<number> | Promise<void>;
  /** The exit status for whatever was thrown, where the error's own is not to be used. */
  readonly exitStatusOf?: (error: unknown) => number;
};

/** Commands by name, each loaded only when it is asked for: wal-push never pays for the PostgreSQL client. */
export type CommandRegistry = Readonly<Record<string, () => Promise<Command>>>;

/** Options that stand anywhere on the line, with every command. */
export const globalOptions = {
  'env-dir': { type: 'string', value: 'DIR', doc: 'Read settings from the files in DIR, as envdir does.' },
  config: { type: 'string', value: 'FILE', doc: "Read WAL-G's configuration file, in JSON." },
  'log-format': { type: 'string', value: 'FORMAT', doc: 'Write log lines as json, logfmt or pretty.' },
  'log-level': { type: 'string', value: 'LEVEL', doc: 'Write events from debug, info, warn or error on.' },
  help: { type: 'boolean', short: 'h', doc: 'Explain the command and do nothing.' },
  version: { type: 'boolean', doc: 'Tell the version and do nothing.' },
} as const satisfies Record<string, OptionSpec>;

type Token = ReturnType<typeof tokensOf>[number];

/** Takes the line apart without judging it: unknown options are for `parseCommandLine` to refuse, with a hint. */
const tokensOf = (line: readonly string[], options: Readonly<Record<string, OptionSpec>>) => {
  const config: ParseArgsOptionsConfig = Object.fromEntries(
    Object.entries(options).map(([name, { type, short }]) => [
      name,
      short === undefined ? { type } : { type, short },
    ]),
  );
  return parseArgs({ args: [...line], options: config, allowPositionals: true, strict: false, tokens: true })
    .tokens;
};

/** What the global options say, and which command is meant, before that command is loaded. Never throws. */
export const readGlobalOptions = (line: readonly string[]) => {
  const known = { ...foreignOptions, ...globalOptions };
  const tokens = tokensOf(line, known);
  const options = optionsFrom(tokens, known);
  return {
    commandName: tokens.find((token) => token.kind === 'positional')?.value,
    envDirectory: options.string('env-dir'),
    configFile: options.string('config'),
    /** What the options of WAL-G and WAL-E set, by their names. */
    foreign: new Map(
      tokens.flatMap((token) =>
        token.kind === 'option' && Object.hasOwn(foreignOptions, token.name)
          ? [[token.name, token.value ?? ''] as const]
          : [],
      ),
    ),
    logFormat: options.string('log-format'),
    logLevel: options.string('log-level'),
    isHelpAskedFor: options.boolean('help'),
    isVersionAskedFor: options.boolean('version'),
  };
};

/** Reads the whole line for one command. @throws 'usage-wrong' */
export const parseCommandLine = (
  command: Command,
  line: readonly string[],
): {
  readonly options: ParsedOptions;
  readonly arguments: readonly string[];
  /** Options that were given and change nothing, with the reason. */
  readonly ignored: readonly { readonly option: string; readonly reason: string }[];
} => {
  const known: Readonly<Record<string, OptionSpec>> = {
    ...foreignOptions,
    ...command.foreignOptions,
    ...command.options,
    ...globalOptions,
  };
  const tokens = tokensOf(line, known);
  const seen = new Set<string>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    checkOption(command, known, token);
    if (seen.has(token.name) && known[token.name]?.multiple !== true) {
      throw wrong(command, `${token.rawName} is given more than once`);
    }
    seen.add(token.name);
  }
  const positionals = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []));
  const given = positionals.slice(1);
  const missing = command.arguments[given.length];
  if (missing !== undefined && missing.optional !== true) throw wrong(command, `${missing.name} is missing`);
  const surplus = given[command.arguments.length];
  if (surplus !== undefined)
    throw wrong(command, `there is no place for the argument ${JSON.stringify(surplus)}`);
  const ignored = Object.entries(command.foreignOptions ?? {}).flatMap(([name, { doc }]) =>
    seen.has(name) ? [{ option: `--${name}`, reason: doc }] : [],
  );
  return { options: optionsFrom(tokens, known), arguments: given, ignored };
};

const checkOption = (
  command: Command,
  known: Readonly<Record<string, OptionSpec>>,
  token: Extract<Token, { kind: 'option' }>,
): void => {
  const spec = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
  if (spec === undefined) {
    const meant = nearest(token.name, Object.keys(known));
    throw wrong(
      command,
      `there is no option ${token.rawName}`,
      meant === undefined ? '' : `Did you mean --${meant}? `,
    );
  }
  if (spec.type === 'boolean' && token.value !== undefined) {
    throw wrong(command, `${token.rawName} takes no value`);
  }
  if (spec.type === 'string' && token.value === undefined)
    throw wrong(command, `${token.rawName} needs a value`);
  // "--target-name --standby" was meant as two options; a value that begins with a dash is written with "=".
  if (spec.type === 'string' && token.inlineValue === false && token.value?.startsWith('-')) {
    throw wrong(
      command,
      `${token.rawName} needs a value and is followed by ${token.value}`,
      `A value that begins with a dash is written ${token.rawName}=${token.value}. `,
    );
  }
};

const wrong = (command: Command, message: string, advice = ''): PipelineError =>
  new PipelineError('usage-wrong', {
    message: `${command.name}: ${message}`,
    hint: `${advice}Usage: ${usageOf(command)}`,
  });

/** The line that a person types. */
export const usageOf = ({ name, usage }: Command): string =>
  `walwarden ${name}${usage === '' ? '' : ` ${usage}`}`;

const optionsFrom = (
  tokens: readonly Token[],
  known: Readonly<Record<string, OptionSpec>>,
): ParsedOptions => {
  const values = new Map<string, readonly string[]>();
  for (const token of tokens) {
    if (token.kind === 'option') {
      values.set(token.name, [...(values.get(token.name) ?? []), token.value ?? '']);
    }
  }
  const valuesOf = (name: string, type: OptionSpec['type']): readonly string[] => {
    if (known[name]?.type !== type) throw new TypeError(`the command has no ${type} option --${name}`);
    return values.get(name) ?? [];
  };
  return {
    string: (name) => valuesOf(name, 'string').at(-1),
    strings: (name) => valuesOf(name, 'string'),
    boolean: (name) => valuesOf(name, 'boolean').length > 0,
  };
};
