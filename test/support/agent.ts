import { join } from 'node:path';
import { clusterUser } from './cluster-user.ts';
import { type ProgramResult, programResult, signalGroup, startGroup } from './process-group.ts';
import { programEnvironment } from './server-process.ts';
import { stagedRoot } from './staging.ts';
import { temporaryDirectory } from './temporary.ts';

/** One line that the agent logged. */
export type AgentEvent = Readonly<Record<string, unknown>>;

export type AgentResult = ProgramResult & {
  /** The lines of stderr that are JSON objects. */
  readonly events: readonly AgentEvent[];
};

export type AgentOptions = {
  /** Added to a nearly empty environment: nothing of the caller's AWS_*, PG* or WALWARDEN_* gets through. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The user to run as, when we are root; otherwise, and without it, the cluster's user. */
  readonly uid?: number;
  readonly input?: string | Uint8Array;
  /** Ends the agent with SIGTERM when it aborts. */
  readonly signal?: AbortSignal;
  /** The tree whose agent/walwarden is run. */
  readonly root?: string;
};

export type RunningAgent = {
  /** The leader of a process group of its own: the launcher, which for most commands becomes the agent itself. */
  readonly pid: number;
  /** Signals the whole group; false when it was gone already. */
  kill(signal: NodeJS.Signals): boolean;
  readonly finished: Promise<AgentResult>;
};

/** Words that mean the same to every POSIX shell, whatever they contain. */
export const shellQuoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/**
 * What archive_command and restore_command begin with. A per cent sign is doubled, because PostgreSQL replaces
 * placeholders in the whole command (src/common/percentrepl.c).
 */
export const agentCommand = (root = stagedRoot()): string =>
  shellQuoted(join(root, 'agent', 'walwarden')).replaceAll('%', '%%');

/** Starts the agent as the cluster's user and hands it over while it runs. It ends with this process at the latest. */
export const spawnAgent = (args: readonly string[], options: AgentOptions = {}): RunningAgent => {
  const { uid } = options;
  const child = startGroup(join(options.root ?? stagedRoot(), 'agent', 'walwarden'), args, {
    user: clusterUser === undefined || uid === undefined ? clusterUser : { uid, gid: uid },
    cwd: options.cwd ?? '/',
    env: { ...programEnvironment(agentHome()), WALWARDEN_LOG_FORMAT: 'json', ...options.env },
  });
  options.signal?.addEventListener('abort', () => signalGroup(child, 'SIGTERM'));
  child.stdin.end(options.input);
  const finished = programResult(child).then((result) => ({
    ...result,
    events: result.stderr.split('\n').flatMap(parseEvent),
  }));
  // Nobody has to wait for it.
  finished.catch(() => undefined);
  return { pid: child.pid ?? 0, kill: (signal) => signalGroup(child, signal), finished };
};

/** Runs the agent to its end. A status that is not zero is an answer, not an exception. */
export const runAgent = (args: readonly string[], options?: AgentOptions): Promise<AgentResult> =>
  spawnAgent(args, options).finished;

const parseEvent = (line: string): readonly AgentEvent[] => {
  if (!line.startsWith('{')) return [];
  try {
    const event: AgentEvent = JSON.parse(line);
    return [event];
  } catch {
    return [];
  }
};

let home: string | undefined;

const agentHome = (): string => {
  home ??= temporaryDirectory(undefined, { ownedByCluster: true });
  return home;
};
