import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { type ConnectionSettings, withClient } from './connection.ts';
import { type Major, postgresBinary } from './postgres-parts.ts';
import { type Exit, programEnvironment, type ServerProcess, startServer } from './server-process.ts';
import { tableChecksums } from './table-checksums.ts';
import {
  type Hooks,
  moveIn,
  moveOut,
  removeDirectory,
  type Tenant,
  temporaryDirectory,
} from './temporary.ts';
import { eventually } from './waiting.ts';

export type StopMode = 'smart' | 'fast' | 'immediate';

type Row = Readonly<Record<string, unknown>>;

/** A real PostgreSQL in a directory. Everything that waits has a deadline, and says what the server logged. */
export type Cluster = {
  readonly major: Major;
  readonly name: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  /** Starts the server and, unless `waitReady` is false, waits until it takes connections. */
  start(options?: { readonly waitReady?: boolean; readonly timeoutMs?: number }): Promise<void>;
  /** Waits until the server takes connections; throws with the log when it ends instead. */
  waitReady(timeoutMs?: number): Promise<void>;
  /** Waits until the server has ended by itself. */
  waitExit(timeoutMs?: number): Promise<Exit>;
  stop(mode?: StopMode): Promise<void>;
  /** Ends the server and all that it runs, archive_command included, as a power cut does. */
  kill9(): Promise<void>;
  restart(mode?: StopMode): Promise<void>;
  /** Makes a standby a primary, and waits until it is one. */
  promote(): Promise<void>;
  isRunning(): boolean;
  /** Everything the server has written to its log so far. */
  log(): string;
  connectionSettings(database?: string): ConnectionSettings;
  /** The same as PG* variables, and PGDATA, for the agent. */
  env(): Readonly<Record<string, string>>;
  query<Result extends pg.QueryResultRow = Row>(
    sql: string,
    params?: readonly unknown[],
  ): Promise<readonly Result[]>;
  /** The first column of the first row as text. */
  text(sql: string, params?: readonly unknown[]): Promise<string>;
  /** Runs one or several statements for their effect. */
  exec(sql: string, database?: string): Promise<void>;
  /** One connection for as long as `use` runs. */
  session<Result>(use: (client: pg.Client) => Promise<Result>, database?: string): Promise<Result>;
  currentLsn(): Promise<string>;
  /** Ends the current WAL segment, so that it is archived; returns the name of the segment that ended. */
  switchWal(): Promise<string>;
  /** Waits until the SQL condition holds; a server that restarts meanwhile is waited for too. */
  waitFor(condition: string, timeoutMs?: number): Promise<void>;
  /** Checksum of the rows of every user table of every database, by `database/schema.table`. */
  tableChecksums(): Promise<ReadonlyMap<string, string>>;
  /** Ends the server at once and removes what belongs to it. Idempotent. */
  dispose(): Promise<void>;
};

/** What a cluster is before anything of it runs. */
export type ClusterPlace = {
  readonly major: Major;
  readonly name: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  /** Given on the command line, where they win over postgresql.conf. */
  readonly settings: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
};

const port = 5432;
const startTimeoutMs = 60_000;
const stopTimeoutMs = 60_000;
const stopSignals = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/** The server's side of a cluster: start, stop and what is known from outside. */
type ServerControl = Pick<
  Cluster,
  'start' | 'waitReady' | 'waitExit' | 'stop' | 'kill9' | 'restart' | 'isRunning' | 'log' | 'dispose'
>;

const serverControl = (place: ClusterPlace, socketDirectory: string): ServerControl => {
  let server: ServerProcess | undefined;
  const isRunning = (): boolean => server?.isRunning() ?? false;
  const log = (): string => (existsSync(place.logFile) ? readFileSync(place.logFile, 'utf8') : '');
  const explain = (): string => `the log of ${place.name} ends with\n${log().slice(-4000)}`;

  const waitReady = (timeoutMs = startTimeoutMs): Promise<void> =>
    eventually(
      `${place.name} taking connections`,
      () => {
        if (!isRunning()) throw new Error(`${place.name} is not running; ${explain()}`);
        return isReady(place.dataDirectory, server?.pid);
      },
      { timeoutMs, explain },
    ).then(() => undefined);

  const start: Cluster['start'] = async (options) => {
    if (isRunning()) throw new Error(`${place.name} is running already`);
    server = startServer({
      postgres: postgresBinary(place.major, 'postgres'),
      args: ['-D', place.dataDirectory, ...commandLineSettings(place, socketDirectory)],
      logFile: place.logFile,
      environment: { ...programEnvironment(place.dataDirectory), ...place.environment },
      workingDirectory: place.dataDirectory,
    });
    if (options?.waitReady !== false) await waitReady(options?.timeoutMs);
  };

  const waitExit = async (timeoutMs = stopTimeoutMs): Promise<Exit> => {
    if (server === undefined) throw new Error(`${place.name} was never started`);
    await eventually(`the end of ${place.name}`, () => !isRunning(), { timeoutMs, explain });
    return server.exit;
  };

  const stop: Cluster['stop'] = async (mode = 'fast') => {
    if (!isRunning()) return;
    server?.signal(stopSignals[mode]);
    await waitExit();
  };

  const kill9 = async (): Promise<void> => {
    await server?.kill();
  };

  const tenant: Tenant = {
    leave: async () => {
      await kill9();
      moveOut(tenant);
      await removeDirectory(socketDirectory);
    },
    leaveNow: () => server?.killNow(),
  };
  moveIn(tenant, place.dataDirectory);

  const restart: Cluster['restart'] = async (mode) => {
    await stop(mode);
    await start();
  };
  return { start, waitReady, waitExit, stop, kill9, restart, isRunning, log, dispose: tenant.leave };
};

const commandLineSettings = (place: ClusterPlace, socketDirectory: string): readonly string[] =>
  Object.entries({
    ...place.settings,
    unix_socket_directories: socketDirectory,
    port: String(port),
    listen_addresses: '',
    logging_collector: 'off',
  }).flatMap(([key, value]) => ['-c', `${key}=${value}`]);

/**
 * The postmaster writes into line 8 of its lock file when it starts to take connections (src/include/utils/pidfile.h);
 * a restored directory may hold the lock file of another life, hence the look at the process id in line 1.
 */
const isReady = (dataDirectory: string, pid: number | undefined): boolean => {
  const lockFile = join(dataDirectory, 'postmaster.pid');
  const lines = existsSync(lockFile) ? readFileSync(lockFile, 'utf8').split('\n') : [];
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
};

/** A handle on a data directory that is there, not started. Its end is bound to the directory, the hooks and the process. */
export const openCluster = (place: ClusterPlace, hooks?: Hooks): Cluster => {
  const socketDirectory = temporaryDirectory(undefined, { ownedByCluster: true });
  const control = serverControl(place, socketDirectory);
  hooks?.after(control.dispose);
  const connectionSettings = (database = 'postgres'): ConnectionSettings => ({
    host: socketDirectory,
    port,
    user: 'postgres',
    database,
  });
  const session: Cluster['session'] = (use, database) => withClient(connectionSettings(database), use);
  const query: Cluster['query'] = <Result extends pg.QueryResultRow>(
    sql: string,
    params: readonly unknown[] = [],
  ) => session(async (client) => (await client.query<Result>(sql, [...params])).rows);
  const text: Cluster['text'] = async (sql, params) => {
    const [row] = await query(sql, params);
    if (row === undefined) throw new Error(`no row came back from: ${sql}`);
    return String(Object.values(row)[0]);
  };
  const exec: Cluster['exec'] = (sql, database) =>
    session(async (client) => {
      await client.query(sql);
    }, database);
  const waitFor: Cluster['waitFor'] = async (condition, timeoutMs = 30_000) => {
    const explain = (): string => `the log of ${place.name} ends with\n${control.log().slice(-4000)}`;
    const look = async (): Promise<boolean> => {
      if (!control.isRunning()) throw new Error(`${place.name} is not running; ${explain()}`);
      return (await text(`select (${condition})::text`)) === 'true';
    };
    await eventually(condition, () => look().catch(falseWhileStarting), { timeoutMs, explain });
  };
  return {
    ...control,
    ...place,
    connectionSettings,
    env: () => ({
      PGHOST: socketDirectory,
      PGPORT: String(port),
      PGUSER: 'postgres',
      PGDATABASE: 'postgres',
      PGDATA: place.dataDirectory,
    }),
    session,
    query,
    text,
    exec,
    waitFor,
    promote: async () => {
      await exec('select pg_promote(true, 60)');
      await waitFor('not pg_is_in_recovery()');
    },
    currentLsn: () =>
      text(
        'select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end::text',
      ),
    switchWal: () => text('select pg_walfile_name(pg_switch_wal())'),
    tableChecksums: () => tableChecksums(connectionSettings()),
  };
};

/** A server that is starting, stopping or not listening yet refuses connections; every other error is an error. */
const falseWhileStarting = (error: unknown): false => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === '57P03' || code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ECONNRESET') return false;
  throw error;
};
