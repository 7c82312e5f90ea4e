import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { ClusterUser } from './cluster-user.ts';
import { moveIn, moveOut, type Tenant } from './temporary.ts';

/** How a program ended, and everything it wrote. */
export type ProgramResult = {
  /** null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
};

export type ProgramOptions = {
  readonly user: ClusterUser | undefined;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
};

/** Signals the group that a child leads; false when the child has ended. */
export const signalGroup = (child: ChildProcess, signal: NodeJS.Signals): boolean => {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return false;
  try {
    return process.kill(-child.pid, signal);
  } catch {
    return false;
  }
};

/**
 * Starts a program as the leader of a process group, so that what it starts itself can be ended with it. The group ends
 * before the directory it works in is removed, and with this process at the latest.
 */
export const startGroup = (
  program: string,
  args: readonly string[],
  options: ProgramOptions,
): ChildProcessWithoutNullStreams => {
  const { uid, gid } = options.user ?? {};
  const child = spawn(program, [...args], {
    ...(uid === undefined || gid === undefined ? {} : { uid, gid }),
    cwd: options.cwd,
    env: { ...options.env },
    detached: true,
    stdio: 'pipe',
  });
  const tenant: Tenant = {
    leave: async () => {
      if (signalGroup(child, 'SIGKILL')) await once(child, 'exit');
    },
    leaveNow: () => {
      signalGroup(child, 'SIGKILL');
    },
  };
  moveIn(tenant, options.cwd);
  for (const event of ['exit', 'error']) child.once(event, () => moveOut(tenant));
  // A program that ends without reading all of its input is no failure of ours.
  child.stdin.on('error', () => undefined);
  return child;
};

/** Waits for the end of a program and of all that holds its output open. */
export const programResult = async (child: ChildProcessWithoutNullStreams): Promise<ProgramResult> => {
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { status: child.exitCode, signal: child.signalCode, stdout, stderr };
};
