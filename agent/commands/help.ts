import {
  type Command,
  type CommandGroup,
  type CommandRegistry,
  globalOptions,
  type OptionSpec,
  usageOf,
} from '../command-line.ts';
import type { Setting, SettingGroup } from '../settings/setting.ts';
import { loadCommand } from './load.ts';

const groupHeadings: Readonly<Record<CommandGroup, string>> = {
  host: 'Called by PostgreSQL',
  operator: 'Called by people and timers',
  general: 'About walwarden',
};

const settingHeadings: Readonly<Record<SettingGroup, string>> = {
  archive: 'The archive',
  s3: 'An archive on S3',
  aws: 'AWS and proxies',
  encryption: 'Encryption',
  wal: 'WAL',
  backup: 'Base backups',
  limits: 'Limits',
  postgres: 'The connection to PostgreSQL',
  log: 'The log',
  launcher: 'The launcher',
};

/** The command `help`. It is made for a registry, because it explains the others in it. */
export const helpCommand = (registry: CommandRegistry): Command => ({
  name: 'help',
  group: 'general',
  summary: 'explain a command, or list them all',
  usage: '[COMMAND | settings]',
  description: 'Lists the commands, explains one of them, or lists every setting.',
  options: {},
  arguments: [{ name: 'COMMAND', doc: 'The command to explain, or "settings".', optional: true }],
  run: async ({ arguments: [topic], print }) => {
    if (topic === undefined) print(await overview(registry));
    else if (topic === 'settings')
      print(settingsHelp((await import('../settings/settings.ts')).settingTable));
    else print(commandHelp(await loadCommand(registry, topic)));
  },
});

const overview = async (registry: CommandRegistry): Promise<string> => {
  const all = await Promise.all(Object.values(registry).map((load) => load()));
  const width = Math.max(...all.map(({ name }) => name.length));
  const sections = Object.entries(groupHeadings).flatMap(([group, heading]) => {
    const members = all.filter((command) => command.group === group);
    const lines = members.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
    return lines.length === 0 ? [] : [`${heading}:\n${lines.join('\n')}`];
  });
  return [
    'walwarden archives, backs up and recovers PostgreSQL.\n\nUsage: walwarden COMMAND [OPTION]... [ARGUMENT]...',
    ...sections,
    `Options of every command:\n${optionLines(globalOptions)}`,
    '"walwarden help COMMAND" explains a command, "walwarden help settings" lists the settings.',
  ].join('\n\n');
};

/** Everything there is to say about one command. */
export const commandHelp = (command: Command): string => {
  const argumentLines = command.arguments.map(({ name, doc }) => entry(name, doc));
  return [
    `Usage: ${usageOf(command)}`,
    wrap(command.description, ''),
    ...(argumentLines.length === 0 ? [] : [`Arguments:\n${argumentLines.join('\n')}`]),
    ...(Object.keys(command.options).length === 0 ? [] : [`Options:\n${optionLines(command.options)}`]),
    ...foreignHelp(command),
    `Options of every command:\n${optionLines(globalOptions)}`,
  ].join('\n\n');
};

const foreignHelp = ({ foreignOptions = {} }: Command): readonly string[] => {
  const names = Object.keys(foreignOptions).map((name) => `--${name}`);
  return names.length === 0
    ? []
    : [wrap(`Accepted from WAL-G and WAL-E, and without effect: ${names.join(', ')}.`, '')];
};

const optionLines = (options: Readonly<Record<string, OptionSpec>>): string =>
  Object.entries(options)
    .map(([name, { type, value = 'VALUE', short, doc, multiple }]) => {
      const long = `--${name}${type === 'string' ? ` ${value}` : ''}`;
      return entry(
        short === undefined ? long : `-${short}, ${long}`,
        multiple ? `${doc} May be repeated.` : doc,
      );
    })
    .join('\n');

/** Every setting with its type, default and meaning. */
export const settingsHelp = (table: readonly Setting<unknown>[]): string =>
  Object.entries(settingHeadings)
    .map(([group, heading]) => {
      const rows = table.filter((setting) => setting.group === group);
      return `${heading}:\n${rows
        .map(({ variable, kind, preset, doc }) =>
          entry(variable, `${doc} (${kind.type}; default: ${preset.text})`),
        )
        .join('\n')}`;
    })
    .join('\n\n');

const termWidth = 24;
const lineWidth = 100;

const entry = (term: string, doc: string): string => {
  const indent = ' '.repeat(termWidth + 4);
  const lead = `  ${term.padEnd(termWidth)}  `;
  const wrapped = wrap(doc, indent);
  return term.length > termWidth ? `  ${term}\n${wrapped}` : lead + wrapped.slice(indent.length);
};

const wrap = (text: string, indent: string): string =>
  text
    .split('\n')
    .map((paragraph) => {
      const lines = [indent];
      for (const word of paragraph.split(' ')) {
        const line = lines.at(-1) ?? indent;
        if (line !== indent && line.length + 1 + word.length > lineWidth) lines.push(indent + word);
        else lines[lines.length - 1] = line === indent ? line + word : `${line} ${word}`;
      }
      return lines.map((line) => line.trimEnd()).join('\n');
    })
    .join('\n');
