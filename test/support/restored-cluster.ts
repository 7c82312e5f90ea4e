import assert from 'node:assert/strict';
import { join } from 'node:path';
import { adoptCluster } from './cluster.ts';
import { type ProtectedCluster, protectedBy } from './protected-cluster.ts';
import type { Hooks } from './temporary.ts';

/**
 * Restores a base backup into a new directory of that name, not started, as a cluster that goes on archiving to the
 * same archive as its source did (`ProtectedCluster.restore` gives one that archives nothing).
 */
export const restoreProtected = async (
  hooks: Hooks,
  source: ProtectedCluster,
  name: string,
  request: {
    readonly backup?: string;
    readonly options?: readonly string[];
    readonly settings?: Readonly<Record<string, string>>;
  } = {},
): Promise<ProtectedCluster> => {
  const dataDirectory = join(source.directory, name);
  const args = ['backup-fetch', ...(request.options ?? []), dataDirectory, request.backup ?? 'LATEST'];
  const { status, stderr } = await source.agent(args);
  assert.equal(status, 0, stderr);
  const cluster = adoptCluster({
    major: source.cluster.major,
    dataDirectory,
    hooks,
    environment: source.archive.env,
    settings: { ...request.settings },
  });
  return protectedBy(hooks, source.archive, cluster, source.directory);
};

/** The names in backup-list, in its order. */
export const listedBackups = async (place: Pick<ProtectedCluster, 'agent'>): Promise<readonly string[]> => {
  const { status, stdout, stderr } = await place.agent(['backup-list', '--json']);
  assert.equal(status, 0, stderr);
  const backups: readonly { readonly name: string }[] = JSON.parse(stdout);
  return backups.map(({ name }) => name);
};
