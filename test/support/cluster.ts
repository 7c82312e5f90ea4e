import { appendFileSync, mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { clusterUser, giveDataDirectory, giveToClusterUser } from './cluster-user.ts';
import { type Major, postgresBinary } from './postgres-parts.ts';
import { programResult, startGroup } from './process-group.ts';
import { type Cluster, openCluster } from './running-cluster.ts';
import { programEnvironment } from './server-process.ts';
import { type Hooks, temporaryDirectory } from './temporary.ts';

export type { Cluster, StopMode } from './running-cluster.ts';

const quoted = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

/** Small, quick and quiet; what a crash of the operating system would lose is no matter here. */
const testSettings = {
  listen_addresses: '',
  fsync: 'off',
  wal_level: 'replica',
  shared_buffers: '16MB',
  max_wal_size: '256MB',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] %b ',
} as const;

/**
 * Makes a new cluster with initdb, not started. It lives in `directory` under its name, with its log file beside it, or
 * in a temporary directory of its own, and ends with whichever comes first of that directory, the hooks, the process.
 */
export const createCluster = async (options: {
  readonly major: Major;
  readonly name?: string;
  readonly walSegmentMiB?: number;
  readonly checksums?: boolean;
  readonly settings?: Readonly<Record<string, string>>;
  /** What the server, and with it archive_command and restore_command, finds in its environment. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  readonly hooks?: Hooks;
}): Promise<Cluster> => {
  const name = options.name ?? 'primary';
  const directory = options.directory ?? temporaryDirectory(options.hooks);
  const dataDirectory = join(directory, name);
  mkdirSync(dataDirectory, { mode: 0o700 });
  giveToClusterUser(dataDirectory);
  await runInitdb(dataDirectory, options);
  const settings = { ...testSettings, ...options.settings };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${quoted(value)}\n`);
  appendFileSync(join(dataDirectory, 'postgresql.conf'), `\n${lines.join('')}`);
  return openCluster(
    {
      major: options.major,
      name,
      dataDirectory,
      logFile: join(directory, `${name}.log`),
      settings: {},
      environment: options.environment ?? {},
    },
    options.hooks,
  );
};

/**
 * Takes over a data directory that a restore made, not started. Its postgresql.conf may be the source's: socket and port
 * are given on the command line, with any further `settings`.
 */
export const adoptCluster = (options: {
  readonly major: Major;
  readonly dataDirectory: string;
  readonly settings?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly hooks?: Hooks;
}): Cluster => {
  giveDataDirectory(options.dataDirectory);
  const name = basename(options.dataDirectory);
  return openCluster(
    {
      major: options.major,
      name,
      dataDirectory: options.dataDirectory,
      logFile: join(dirname(options.dataDirectory), `${name}.log`),
      settings: { ...options.settings },
      environment: options.environment ?? {},
    },
    options.hooks,
  );
};

const runInitdb = async (
  dataDirectory: string,
  options: { readonly major: Major; readonly walSegmentMiB?: number; readonly checksums?: boolean },
): Promise<void> => {
  // PostgreSQL 18 turns checksums on unasked (initdb.c, data_checksums), and only it knows how to be told not to.
  const unchecked = options.major >= 18 ? ['--no-data-checksums'] : [];
  const { status, stdout, stderr } = await programResult(
    startGroup(
      postgresBinary(options.major, 'initdb'),
      [
        ...['-D', dataDirectory, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'],
        ...(options.checksums === false ? unchecked : ['-k']),
        `--wal-segsize=${options.walSegmentMiB ?? 16}`,
      ],
      { user: clusterUser, cwd: dataDirectory, env: programEnvironment(dataDirectory) },
    ),
  );
  if (status !== 0) throw new Error(`initdb of PostgreSQL ${options.major} failed\n${stdout}${stderr}`);
};
