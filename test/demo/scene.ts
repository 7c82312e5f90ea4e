import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type AgentResult, agentCommand, runAgent } from '../support/agent.ts';
import { adoptCluster, type Cluster, createCluster } from '../support/cluster.ts';
import { clusterUser, giveToClusterUser, isReachableBy } from '../support/cluster-user.ts';
import type { Major } from '../support/postgres-parts.ts';
import { projectRoot, stageRoot } from '../support/staging.ts';
import { removeDirectory } from '../support/temporary.ts';
import { shellWord } from './story.ts';

/**
 * The host that the demo plays on: one temporary directory with the paths of a real host below it. A command is run with
 * that directory in front of each path and told without it, so that what is told is what is run.
 */
export type Scene = {
  /** What has to be removed for everything to be gone. */
  readonly directory: string;
  readonly major: Major;
  /** The places of a real host, below the directory. */
  readonly places: Places;
  /** Makes a file of the settings directory. */
  writeSetting(name: string, value: string): void;
  /** What archive_command is here. */
  readonly archiveCommand: string;
  /** Makes the cluster `main`, not started. */
  createMain(settings: Readonly<Record<string, string>>): Promise<Cluster>;
  /** Takes over what backup-fetch made, not started; the settings are given on the server's command line. */
  adopt(dataDirectory: string, settings: Readonly<Record<string, string>>): Cluster;
  /** Runs the agent with the settings directory; throws with what it logged unless it ends with 0. */
  agent(words: readonly string[], connection?: Readonly<Record<string, string>>): Promise<AgentResult>;
  /** Text with the paths, and the name of the agent, that a real host has. */
  told(text: string): string;
  /** The last lines that each server logged, by the name of its cluster. */
  serverLogs(): ReadonlyMap<string, string>;
  /** The clusters whose server does not run (any more). */
  stoppedServers(): readonly string[];
  /** Ends the servers and removes everything; where the demo is kept, ends them in good order instead. */
  close(): Promise<void>;
};

export type Places = {
  readonly settings: string;
  readonly archive: string;
  /** Where data directories lie, with a log file beside each. */
  readonly clusters: string;
};

const logLinesShown = 12;

/** Without an archive that works backup-push would wait an hour for its WAL; people who watch do not. */
const agentPatience = { WALWARDEN_BACKUP_WAL_WAIT_SECONDS: '60' };

/**
 * @param options.isKept leaves the directory, where it otherwise goes with `close` or, however this process ends, with
 *   the process.
 */
export const openScene = (options: { readonly major: Major; readonly isKept: boolean }): Scene => {
  const { major, isKept } = options;
  const directory = makeDirectory();
  // The servers have ended by then: temporary.ts, imported above, listened first.
  if (!isKept) {
    process.on('exit', () =>
      rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }),
    );
  }
  const make = (...names: readonly string[]): string => {
    const path = join(directory, ...names);
    mkdirSync(path, { recursive: true });
    giveToClusterUser(path);
    return path;
  };
  const places: Places = {
    settings: make('etc', 'walwarden'),
    archive: make('backup', 'shop'),
    clusters: make('var', 'lib', 'postgresql', String(major)),
  };
  if (clusterUser !== undefined) {
    process.env.WALWARDEN_STAGED_ROOT ??= stageRoot(projectRoot, clusterUser, () => make('opt', 'walwarden'));
  }
  // A home outside of the data directory, as the owner of a real cluster has: the agent keeps compiled code there.
  const environment = { ...agentPatience, HOME: make('home') };
  const archiveCommand = `${agentCommand()} --env-dir ${shellWord(places.settings).replaceAll('%', '%%')} wal-push "%p"`;
  const clusters: Cluster[] = [];
  const withCluster = (cluster: Cluster): Cluster => {
    clusters.push(cluster);
    return cluster;
  };
  return {
    directory,
    major,
    places,
    archiveCommand,
    writeSetting: (name, value) => {
      const path = join(places.settings, name);
      writeFileSync(path, `${value}\n`);
      giveToClusterUser(path);
    },
    createMain: async (settings) =>
      withCluster(
        await createCluster({
          major,
          name: 'main',
          directory: places.clusters,
          environment,
          settings: { archive_mode: 'on', archive_command: archiveCommand, ...settings },
        }),
      ),
    adopt: (dataDirectory, settings) =>
      withCluster(adoptCluster({ major, dataDirectory, environment, settings })),
    agent: async (words, connection) => {
      const line = ['--env-dir', places.settings, ...words];
      const result = await runAgent(line, {
        cwd: directory,
        env: { ...environment, ...connection, WALWARDEN_LOG_FORMAT: 'pretty' },
      });
      if (result.status === 0) return result;
      const end = result.status === null ? `signal ${result.signal}` : `status ${result.status}`;
      throw new Error(`walwarden ${line.join(' ')} ended with ${end}; it logged\n${result.stderr.trimEnd()}`);
    },
    told: (text) => text.replaceAll(agentCommand(), 'walwarden').replaceAll(directory, ''),
    serverLogs: () => lastLines(places.clusters),
    stoppedServers: () => clusters.filter((cluster) => !cluster.isRunning()).map(({ name }) => name),
    close: async () => {
      if (isKept) for (const cluster of clusters) await cluster.stop();
      else await removeDirectory(directory);
    },
  };
};

/** A socket's path has room for 103 bytes, and test/support puts sockets below the usual place for temporary files. */
const makeDirectory = (): string => {
  const usual = tmpdir();
  const isReachable = clusterUser === undefined || isReachableBy(join(usual, 'x'), clusterUser);
  const parent = isReachable && usual.length <= 36 ? usual : '/tmp';
  const directory = mkdtempSync(join(parent, 'walwarden-demo-'));
  chmodSync(directory, 0o755);
  // Whatever test/support makes for itself shall lie here too.
  process.env.TMPDIR = directory;
  return directory;
};

const lastLines = (directory: string): ReadonlyMap<string, string> => {
  if (!existsSync(directory)) return new Map();
  const files = readdirSync(directory).filter((name) => name.endsWith('.log'));
  return new Map(
    files.map((name) => [
      basename(name, '.log'),
      readFileSync(join(directory, name), 'utf8').trimEnd().split('\n').slice(-logLinesShown).join('\n'),
    ]),
  );
};
