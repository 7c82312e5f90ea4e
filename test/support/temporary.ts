import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { clusterUser, giveToClusterUser, isReachableBy } from './cluster-user.ts';

/** Where something can be told to be undone: a test's context, or `{ after }` of node:test for a whole file. */
export type Hooks = { after(undo: () => Promise<void>): void };

/** Something alive in a directory, which has to end before the directory can go. */
export type Tenant = {
  /** Ends it in good order. Called again for something that has ended, it does nothing. */
  leave(): Promise<void>;
  /** Ends it without waiting, for a process that is exiting. */
  leaveNow(): void;
};

const tenants = new Map<Tenant, string>();
const directories = new Set<string>();

/**
 * A socket's path has room for 103 bytes on macOS and 107 on Linux, and a cluster's user has to get there; where the
 * usual place for temporary files offers neither, /tmp does.
 */
const temporaryRoot = (): string => {
  const usual = tmpdir();
  const isReachable = clusterUser === undefined || isReachableBy(join(usual, 'x'), clusterUser);
  return isReachable && usual.length <= 60 ? usual : '/tmp';
};

/**
 * Makes a directory for the time of a test, of a file, or (without hooks) of this process. Everyone may look into it;
 * with `ownedByCluster` the cluster's user may write there. Whatever lives in it is ended before it is removed.
 */
export const temporaryDirectory = (
  hooks?: Hooks,
  options?: { readonly ownedByCluster?: boolean },
): string => {
  const path = mkdtempSync(join(temporaryRoot(), 'ww-'));
  chmodSync(path, 0o755);
  if (options?.ownedByCluster === true) giveToClusterUser(path);
  directories.add(path);
  hooks?.after(() => removeDirectory(path));
  return path;
};

/** Removes a directory, after everything that lives in it has left. */
export const removeDirectory = async (path: string): Promise<void> => {
  const inside = [...tenants].filter(([, home]) => home === path || home.startsWith(path + sep));
  await Promise.all(inside.map(([tenant]) => tenant.leave()));
  await rm(path, { recursive: true, force: true, maxRetries: 5 });
  directories.delete(path);
};

export const moveIn = (tenant: Tenant, home: string): void => {
  tenants.set(tenant, home);
};

export const moveOut = (tenant: Tenant): void => {
  tenants.delete(tenant);
};

process.on('exit', () => {
  for (const tenant of tenants.keys()) tenant.leaveNow();
  for (const path of directories)
    rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
});

// A signal would end the process without its exit event, and leave servers behind.
for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.on(signal, () => process.exit(status));
}
