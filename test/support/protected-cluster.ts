import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type AgentResult, agentCommand, runAgent } from './agent.ts';
import { adoptCluster, type Cluster, createCluster } from './cluster.ts';
import type { Major } from './postgres-parts.ts';
import { type Hooks, temporaryDirectory } from './temporary.ts';
import type { TestArchive } from './test-archive.ts';

/** A running cluster whose WAL goes to an archive through the real agent, and what one does with it. */
export type ProtectedCluster = {
  readonly cluster: Cluster;
  readonly archive: TestArchive;
  /** A directory of the cluster's user, for restores. */
  readonly directory: string;
  /** Runs the agent with the archive's and the cluster's settings. */
  agent(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<AgentResult>;
  /** Takes a base backup and returns its name. */
  backup(...options: readonly string[]): Promise<string>;
  /** Restores into a new directory of that name and takes it over, not started. */
  restore(name: string, ...options: readonly string[]): Promise<Cluster>;
  /** Ends the current segment and waits until it is archived. */
  archiveAll(): Promise<void>;
};

export const archiveCommand = `${agentCommand()} wal-push "%p"`;

export const protectCluster = async (
  hooks: Hooks,
  archive: TestArchive,
  options: {
    readonly major: Major;
    readonly walSegmentMiB?: number;
    readonly checksums?: boolean;
    readonly settings?: Readonly<Record<string, string>>;
  },
): Promise<ProtectedCluster> => {
  const directory = temporaryDirectory(hooks, { ownedByCluster: true });
  const cluster = await createCluster({
    walSegmentMiB: 1,
    ...options,
    hooks,
    directory,
    environment: archive.env,
    settings: { archive_mode: 'on', archive_command: archiveCommand, ...options.settings },
  });
  await cluster.start();
  return protectedBy(hooks, archive, cluster, directory);
};

/** The same for a cluster that runs already: one that was restored and goes on with the same archive. */
export const protectedBy = (
  hooks: Hooks,
  archive: TestArchive,
  cluster: Cluster,
  directory: string,
): ProtectedCluster => {
  const agent: ProtectedCluster['agent'] = (args, env = {}) =>
    runAgent(args, { env: { ...cluster.env(), ...archive.env, ...env } });
  const succeed = async (args: readonly string[]): Promise<AgentResult> => {
    const result = await agent(args);
    assert.equal(result.status, 0, `walwarden ${args.join(' ')} failed:\n${result.stderr}`);
    return result;
  };
  return {
    cluster,
    archive,
    directory,
    agent,
    backup: async (...options) => (await succeed(['backup-push', ...options])).stdout.trim(),
    restore: async (name, ...options) => {
      const dataDirectory = join(directory, name);
      const [target = 'LATEST', ...others] = options;
      await succeed(['backup-fetch', ...others, dataDirectory, target]);
      return adoptCluster({
        major: cluster.major,
        dataDirectory,
        hooks,
        environment: archive.env,
        settings: { archive_mode: 'off' },
      });
    },
    archiveAll: async () => {
      // An empty segment cannot be ended, and from PostgreSQL 17 on its own name comes back then, not the one before.
      await cluster.exec("select pg_logical_emit_message(false, 'walwarden', 'the end of a segment')");
      const segment = await cluster.switchWal();
      await cluster.waitFor(`(select last_archived_wal >= '${segment}' from pg_stat_archiver)`);
    },
  };
};
