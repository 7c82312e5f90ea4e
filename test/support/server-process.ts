import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clusterUser } from './cluster-user.ts';
import { stagedRoot } from './staging.ts';
import { eventually } from './waiting.ts';

/** How a server ended: one of the two is not null. */
export type Exit = { readonly status: number | null; readonly signal: NodeJS.Signals | null };

/** One run of a postmaster, from its start to its end. */
export type ServerProcess = {
  readonly pid: number;
  readonly exit: Promise<Exit>;
  isRunning(): boolean;
  signal(signal: NodeJS.Signals): void;
  /** Ends the server and everything it started at one blow, as a power cut does, and waits until all of it is gone. */
  kill(): Promise<void>;
  /** The same without waiting. */
  killNow(): void;
};

/** What a program of the cluster finds in its environment: nothing of the caller's but the way to programs. */
export const programEnvironment = (home: string): Readonly<Record<string, string>> => ({
  PATH: `${join(stagedRoot(), 'node_modules', '.bin')}:${process.env.PATH ?? '/usr/bin:/bin'}`,
  HOME: home,
  LC_ALL: 'C',
  TZ: 'UTC',
});

/**
 * Starts `postgres` as the cluster's user in a process group of its own, so that Ctrl-C on a test run reaches only the
 * run, which then ends its servers. Output is appended to `logFile`.
 */
export const startServer = (command: {
  readonly postgres: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
}): ServerProcess => {
  const log = openSync(command.logFile, 'a');
  const child = spawn(command.postgres, [...command.args], {
    ...clusterUser,
    cwd: command.workingDirectory,
    env: { ...command.environment },
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  return serverProcess(child);
};

const serverProcess = (child: ChildProcess): ServerProcess => {
  const exit = once(child, 'exit').then((): Exit => ({ status: child.exitCode, signal: child.signalCode }));
  // Whoever waits for the exit sees a failed spawn; nobody has to wait.
  exit.catch(() => undefined);
  const pid = child.pid ?? 0;
  const isRunning = (): boolean => pid !== 0 && child.exitCode === null && child.signalCode === null;
  const killNow = (): readonly number[] => {
    if (!isRunning()) return [];
    const children = childrenOf(pid);
    for (const each of [pid, ...children]) killGroup(each);
    return children;
  };
  return {
    pid,
    exit,
    isRunning,
    signal: (signal) => {
      if (isRunning()) child.kill(signal);
    },
    kill: async () => {
      if (pid === 0) return;
      const children = killNow();
      await exit;
      await eventually('the end of all server processes', () => !children.some(isAlive));
    },
    killNow: () => {
      killNow();
    },
  };
};

/** Each child of a postmaster leads a group (postmaster.c, setsid), which a running archive_command belongs to. */
const killGroup = (pid: number): void => {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // Gone already, which is what is wanted.
    }
  }
};

/** Linux only; elsewhere the children notice by themselves that their postmaster died (postmaster.c, PostmasterDeathWatch). */
const childrenOf = (pid: number): readonly number[] => {
  if (!existsSync('/proc/self/stat')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => statFields(each)?.parent === pid);
};

/** False for a process that ended and whose parent has not looked yet. On Linux; elsewhere false for every process. */
export const isAlive = (pid: number): boolean => {
  const state = statFields(pid)?.state;
  return state !== undefined && state !== 'Z' && state !== 'X';
};

/** State and parent from /proc/<pid>/stat (proc(5)), whose second field, the name, may hold blanks and brackets. */
const statFields = (pid: number): { readonly state: string; readonly parent: number } | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', parent = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
};
