import { chmodSync, chownSync, lstatSync, readdirSync, type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Numeric ids that a child process is started with. */
export type ClusterUser = { readonly uid: number; readonly gid: number };

/**
 * Who owns clusters and runs their programs, when it is not ourselves. PostgreSQL refuses to run as root
 * (src/backend/main/main.c, check_root), so a test run by root hands everything of a cluster to "nobody".
 */
export const clusterUser: ClusterUser | undefined =
  process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined;

/** True when the permission bits let `user` do everything in `wanted` (4 read, 2 write, 1 search or execute). */
const permits = (stats: Stats, user: ClusterUser, wanted: number): boolean => {
  const shift = stats.uid === user.uid ? 6 : stats.gid === user.gid ? 3 : 0;
  return ((stats.mode >> shift) & wanted) === wanted;
};

/** True when `user` may pass through every directory above `path`. */
export const isReachableBy = (path: string, user: ClusterUser): boolean => {
  const parent = dirname(path);
  return parent === path || (permits(statSync(parent), user, 1) && isReachableBy(parent, user));
};

/** True when `user` may read the whole tree at `path`, and run in it whatever its owner may run. */
export const isReadableBy = (path: string, user: ClusterUser): boolean => {
  const stats = statSync(path);
  if (stats.isDirectory()) {
    return permits(stats, user, 5) && readdirSync(path).every((name) => isReadableBy(join(path, name), user));
  }
  return permits(stats, user, (stats.mode & 0o100) === 0 ? 4 : 5);
};

/** Hands one file or directory, not what is in it, to the cluster's user. */
export const giveToClusterUser = (path: string): void => {
  if (clusterUser !== undefined) chownSync(path, clusterUser.uid, clusterUser.gid);
};

/** Hands a whole data directory over, with the permissions that PostgreSQL insists on, unless it is handed over already. */
export const giveDataDirectory = (path: string): void => {
  if (clusterUser !== undefined && lstatSync(path).uid !== clusterUser.uid) {
    for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
      const entry = join(path, name);
      if (!lstatSync(entry).isSymbolicLink()) giveToClusterUser(entry);
    }
    giveToClusterUser(path);
  }
  chmodSync(path, 0o700);
};
