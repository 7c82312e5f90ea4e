import { isPipelineError, PipelineError } from '../lib/core/errors.ts';
import type { Clock } from '../lib/core/ports.ts';
import {
  type Command,
  type CommandContext,
  type CommandRegistry,
  parseCommandLine,
  readGlobalOptions,
} from './command-line.ts';
import { loadCommand, mayMeanWalFetch } from './commands/load.ts';
import { withDeadline } from './host/deadline.ts';
import { openLog, type ProgramLog } from './host/log.ts';
import { progressTo } from './host/progress.ts';
import { openStandardOutput, type StandardOutput } from './host/standard-output.ts';
import { openTerminal, type Terminal } from './host/terminal.ts';
import { foreignOverrides } from './settings/foreign-options.ts';
import { logTable } from './settings/logging.ts';
import type { Environment, Setting } from './settings/setting.ts';
import { readSettings, type Settings, secretTexts } from './settings/settings.ts';
import { environmentOf, type Sources } from './settings/sources.ts';

/** What the program is given of the process that it runs in. */
export type Host = {
  /** The command line without Node and the program. */
  readonly line: readonly string[];
  /** Changed as envdir changes it, so that libraries and child processes see a settings directory too. */
  readonly environment: Record<string, string | undefined>;
  /** Where WAL-G would look for its configuration when no file is named. */
  readonly defaultConfigFile?: string;
  readonly stdout: Parameters<typeof openStandardOutput>[0];
  readonly stderr: Parameters<typeof openTerminal>[0];
  readonly pid: number;
  readonly clock: Clock;
  /** Aborted with a `PipelineError` 'interrupted'. */
  readonly signal: AbortSignal;
  /** The exit status of what nobody foresaw. */
  readonly bugStatus: number;
};

export type Program = {
  /** Runs what the line asks for and resolves with the exit status; what went wrong was logged. */
  run(registry: CommandRegistry): Promise<number>;
  /** Tells of an error that nobody foresaw. */
  reportBug(error: unknown): void;
  /** Tells of one of Node's warnings, which by itself would stand between the log lines. */
  reportWarning(warning: Error): void;
};

export const openProgram = (host: Host): Program => {
  const globals = readGlobalOptions(host.line);
  const terminal = openTerminal(host.stderr);
  const log = openLog({
    clock: host.clock,
    pid: host.pid,
    format: terminal.isInteractive ? 'pretty' : 'logfmt',
    level: 'info',
    colours: terminal.isInteractive && (host.environment.NO_COLOR ?? '') === '',
    writeLine: terminal.writeLine,
  });
  const output = openStandardOutput(host.stdout);
  const action = globals.commandName ?? 'walwarden';
  const sources = environmentOf({
    processEnvironment: host.environment,
    configFile: globals.configFile,
    defaultConfigFile: host.defaultConfigFile,
    envDirectory: globals.envDirectory,
    overrides: overridesOf(globals),
  });
  const { environment, problems } = sources;
  for (const secret of [...secretTexts(environment), ...sources.inheritedSecrets]) log.hide(secret);
  configureLog(log, terminal, environment);
  applyEnvironment(host.environment, environment);

  let settings: Settings | undefined;
  const settingsOnce = (): Settings => {
    settings ??= readSettings(environment, problems);
    return settings;
  };
  return {
    run: async (registry) => {
      let command: Command | undefined;
      try {
        const asked = whatIsAsked(globals, host.line);
        command = await loadCommand(registry, asked.name);
        const status = await runCommand({
          command,
          line: asked.line,
          host,
          sources,
          settingsOnce,
          log,
          output,
          terminal,
        });
        await output.flush();
        return status;
      } catch (thrown) {
        const error = host.signal.aborted && !isPipelineError(thrown) ? host.signal.reason : thrown;
        reportFailure(log, action, error);
        if (command === undefined && mayMeanWalFetch(registry, host.line)) return 255;
        return command?.exitStatusOf?.(error) ?? exitStatusOf(error, host.bugStatus);
      } finally {
        terminal.showStatus(undefined);
      }
    },
    reportBug: (error) => reportFailure(log, action, error),
    reportWarning: (warning) => log.debug('node', { code: warning.name }, warning.message),
  };
};

type Globals = ReturnType<typeof readGlobalOptions>;

/** `--log-format json` is the setting of the same meaning, said nearer. */
const overridesOf = ({ logFormat, logLevel, foreign }: Globals): Environment =>
  new Map([
    ...foreignOverrides(foreign),
    ...[
      [logTable.logFormat.variable, logFormat, '--log-format'] as const,
      [logTable.logLevel.variable, logLevel, '--log-level'] as const,
    ].flatMap(([variable, value, origin]) =>
      value === undefined ? [] : [[variable, { value, origin }] as const],
    ),
  ]);

/** Takes what is sound, so that complaints about the rest already come in the right format. */
const configureLog = (log: ProgramLog, terminal: Terminal, environment: Environment): void => {
  const soundValue = <Value>({ kind, preset, variable }: Setting<Value>): Value => {
    const parsed = kind.parse(environment.get(variable)?.value ?? '');
    return 'value' in parsed ? parsed.value : preset.value();
  };
  log.configure({
    format: soundValue(logTable.logFormat) ?? (terminal.isInteractive ? 'pretty' : 'logfmt'),
    level: soundValue(logTable.logLevel),
  });
};

const applyEnvironment = (target: Record<string, string | undefined>, environment: Environment): void => {
  for (const name of Object.keys(target)) {
    if (!environment.has(name)) delete target[name];
  }
  for (const [name, { value }] of environment) {
    if (target[name] !== value) target[name] = value;
  }
};

/** `--help` and `--version` are the commands of those names, said shorter. */
const whatIsAsked = (
  { commandName, isHelpAskedFor, isVersionAskedFor }: Globals,
  line: readonly string[],
): { readonly name: string; readonly line: readonly string[] } => {
  if (isVersionAskedFor) return { name: 'version', line: ['version'] };
  if (isHelpAskedFor) {
    return { name: 'help', line: commandName === undefined ? ['help'] : ['help', commandName] };
  }
  if (commandName !== undefined) return { name: commandName, line };
  throw new PipelineError('usage-wrong', {
    message: 'no command is named',
    hint: 'Usage: walwarden COMMAND. "walwarden help" lists the commands.',
  });
};

const runCommand = async (parts: {
  readonly command: Command;
  readonly line: readonly string[];
  readonly host: Host;
  readonly sources: Sources;
  readonly settingsOnce: () => Settings;
  readonly log: ProgramLog;
  readonly output: StandardOutput;
  readonly terminal: Terminal;
}): Promise<number> => {
  const { command, host, settingsOnce, log } = parts;
  const parsed = parseCommandLine(command, parts.line);
  // PostgreSQL gives the same line for every file; a person reads the note once.
  const note = command.group === 'host' ? log.debug : log.info;
  for (const { option, reason } of parsed.ignored) note(command.name, { state: 'note', option }, reason);
  // Help must be had however wrong the settings are.
  const limit = command.group === 'general' ? undefined : deadlineOf(command, settingsOnce());
  return withDeadline(host, limit, (signal) => runWithin(parts, parsed, signal));
};

/** How long the command may take in all. */
const deadlineOf = (
  { group }: Command,
  { walDeadlineSeconds, commandDeadlineSeconds }: Settings,
): { readonly seconds: number; readonly variable: string } | undefined => {
  if (group === 'host') return { seconds: walDeadlineSeconds, variable: 'WALWARDEN_WAL_DEADLINE_SECONDS' };
  return commandDeadlineSeconds === undefined
    ? undefined
    : { seconds: commandDeadlineSeconds, variable: 'WALWARDEN_COMMAND_DEADLINE_SECONDS' };
};

const runWithin = async (
  parts: Parameters<typeof runCommand>[0],
  parsed: ReturnType<typeof parseCommandLine>,
  signal: AbortSignal,
): Promise<number> => {
  const { command, host, settingsOnce, log } = parts;
  const context: CommandContext = {
    get settings() {
      return settingsOnce();
    },
    sources: parts.sources,
    log,
    clock: host.clock,
    signal,
    options: parsed.options,
    arguments: parsed.arguments,
    print: parts.output.print,
    progress: progressTo({ terminal: parts.terminal, log, clock: host.clock }),
  };
  return (await command.run(context)) ?? 0;
};

const exitStatusOf = (error: unknown, bugStatus: number): number =>
  isPipelineError(error) ? error.exitStatus : bugStatus;

const reportFailure = (log: ProgramLog, action: string, error: unknown): void => {
  if (isPipelineError(error)) {
    const { code, hint } = error;
    log.error(action, { state: 'fail', code, hint, cause: causesOf(error) }, error.message);
    return;
  }
  const stack = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  log.error(
    action,
    {
      state: 'fail',
      code: 'bug',
      hint: 'This is a mistake in walwarden itself; please report it with these lines.',
      cause: causesOf(error),
      stack,
    },
    error instanceof Error ? error.message : String(error),
  );
};

/** What lay beneath, from the top down; a chain that bites its tail or never ends is cut. */
const causesOf = (error: unknown): string | undefined => {
  const messages: string[] = [];
  let cause = error instanceof Error ? error.cause : undefined;
  while (cause !== undefined && cause !== null && messages.length < 5) {
    messages.push(cause instanceof Error ? cause.message : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return messages.length === 0 ? undefined : messages.join(': ');
};
