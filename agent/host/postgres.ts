import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import pg from 'pg';
import { PipelineError } from '../../lib/core/errors.ts';
import { type Lsn, parseLsn } from '../../lib/core/wal/lsn.ts';
import {
  parseSegmentBytes,
  parseTimelineId,
  type SegmentBytes,
  type TimelineId,
} from '../../lib/core/wal/segment.ts';
import { parseSystemIdentifier, type SystemIdentifier } from '../../lib/core/wal/system-identifier.ts';
import type { PostgresSettings } from '../settings/postgres.ts';

/** What a base backup needs to know of the server. */
export type ServerFacts = {
  /** server_version_num, 170004 */
  readonly pgVersion: number;
  readonly dataDirectory: string;
  readonly systemIdentifier: SystemIdentifier;
  readonly segmentBytes: SegmentBytes;
  readonly blockBytes: number;
  readonly hasChecksums: boolean;
  readonly isStandby: boolean;
  readonly archiveMode: string;
};

export type StoppedBackup = {
  readonly stopLsn: Lsn;
  readonly backupLabel: string;
  readonly tablespaceMap: string;
};

/**
 * One session, because PostgreSQL ends a base backup when the session that began it ends (manual, "Making a Base Backup
 * Using the Low Level API"). `lost` aborts, with the reason, when the connection breaks.
 */
export type PostgresSession = {
  readonly lost: AbortSignal;
  facts(): Promise<ServerFacts>;
  startBackup(label: string): Promise<Lsn>;
  /** Ends the backup without waiting for the archive; the agent looks into the archive itself. */
  stopBackup(): Promise<StoppedBackup>;
  /** The timeline of the last checkpoint or restart point. */
  checkpointTimeline(): Promise<TimelineId>;
  /** The timeline up to which a standby has replayed. */
  replayedTimeline(): Promise<TimelineId>;
  /** Whether it is a standby now; one that was promoted meanwhile is none any more. */
  isInRecovery(): Promise<boolean>;
  /** An estimate of what is to be copied, 0 when the role may not know. */
  clusterBytes(): Promise<number>;
  /** Where the archiver stands, for messages. */
  archiverState(): Promise<string>;
  end(): Promise<void>;
};

const oldestMajor = 14;

/** @throws 'postgres-unavailable' with what the server or the network said */
export const connectPostgres = async (settings: PostgresSettings): Promise<PostgresSession> => {
  // The pg client looks for the password file by itself, and only in the environment of the process.
  if (settings.PGPASSFILE !== undefined) process.env.PGPASSFILE = settings.PGPASSFILE;
  const config = clientConfig(settings);
  const client = new pg.Client(config);
  const lost = new AbortController();
  const reportLoss = (cause?: unknown): void => {
    lost.abort(
      new PipelineError('postgres-unavailable', {
        message: 'the connection to PostgreSQL was lost',
        hint: 'PostgreSQL ends a base backup with its session. See the server log, then start the backup again.',
        cause,
      }),
    );
  };
  client.on('error', reportLoss);
  client.on('end', () => reportLoss());
  try {
    await client.connect();
    await client.query('SET statement_timeout = 0');
    await client.query('SET lock_timeout = 0');
  } catch (cause) {
    await client.end().catch(() => undefined);
    throw unavailable(config, cause);
  }
  return sessionOf(client, lost.signal);
};

const unavailable = (config: pg.ClientConfig, cause: unknown): PipelineError =>
  new PipelineError('postgres-unavailable', {
    message: `cannot connect to PostgreSQL at ${config.host}:${config.port} as ${config.user}: ${
      cause instanceof Error ? cause.message : String(cause)
    }`,
    hint: 'Check PGHOST, PGPORT, PGUSER, PGPASSWORD or PGPASSFILE, and pg_hba.conf; "psql" with the same variables must work.',
    cause,
  });

const socketDirectories = ['/var/run/postgresql', '/tmp'];

const clientConfig = (settings: PostgresSettings): pg.ClientConfig => {
  const port = settings.PGPORT ?? 5432;
  const local = socketDirectories.find((directory) => existsSync(`${directory}/.s.PGSQL.${port}`));
  return {
    host: settings.PGHOST ?? local ?? 'localhost',
    port,
    user: settings.PGUSER ?? userInfo().username,
    database: settings.PGDATABASE ?? 'postgres',
    ...(settings.PGPASSWORD === undefined ? {} : { password: settings.PGPASSWORD.reveal() }),
    ...(settings.PGOPTIONS === undefined ? {} : { options: settings.PGOPTIONS }),
    connectionTimeoutMillis: (settings.PGCONNECT_TIMEOUT ?? 30) * 1000,
    keepAlive: true,
    application_name: settings.PGAPPNAME ?? 'walwarden',
    ssl: tlsOf(settings),
  };
};

/** PGSSLMODE as libpq reads it, except that `allow` and `prefer` mean no TLS: the agent runs on the database host. */
const tlsOf = (settings: PostgresSettings): pg.ClientConfig['ssl'] => {
  const mode = settings.PGSSLMODE ?? 'prefer';
  if (mode === 'disable' || mode === 'allow' || mode === 'prefer') return false;
  const content = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path, 'utf8'));
  const ca = content(settings.PGSSLROOTCERT);
  const cert = content(settings.PGSSLCERT);
  const key = content(settings.PGSSLKEY);
  return {
    rejectUnauthorized: mode === 'verify-ca' || mode === 'verify-full',
    ...(mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
};

const sessionOf = (client: pg.Client, lost: AbortSignal): PostgresSession => {
  let pgVersion = 0;
  const one = async (text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>> => {
    lost.throwIfAborted();
    const { rows } = await client.query(text, [...values]).catch((cause: unknown) => {
      lost.throwIfAborted();
      throw refused(cause);
    });
    return rows[0] ?? {};
  };
  return {
    lost,
    async facts() {
      const facts = readFacts(await one(factsQuery));
      pgVersion = facts.pgVersion;
      return facts;
    },
    async startBackup(label) {
      const call = pgVersion >= 150000 ? 'pg_backup_start($1, true)' : 'pg_start_backup($1, true, false)';
      const row = await one(`SELECT ${call}::text AS lsn`, [label]);
      return parseLsn(String(row.lsn));
    },
    async stopBackup() {
      const call = pgVersion >= 150000 ? 'pg_backup_stop(false)' : 'pg_stop_backup(false, false)';
      const row = await one(`SELECT lsn::text, labelfile, spcmapfile FROM ${call}`);
      return {
        stopLsn: parseLsn(String(row.lsn)),
        backupLabel: String(row.labelfile),
        tablespaceMap: String(row.spcmapfile ?? ''),
      };
    },
    async checkpointTimeline() {
      return timelineOf(await one('SELECT timeline_id::text AS timeline FROM pg_control_checkpoint()'));
    },
    async replayedTimeline() {
      return timelineOf(
        await one('SELECT min_recovery_end_timeline::text AS timeline FROM pg_control_recovery()'),
      );
    },
    async isInRecovery() {
      return (await one('SELECT pg_is_in_recovery()::text AS answer')).answer === 'true';
    },
    async clusterBytes() {
      return one('SELECT sum(pg_tablespace_size(oid))::text AS bytes FROM pg_tablespace').then(
        (row) => Number(row.bytes),
        () => 0,
      );
    },
    async archiverState() {
      const row = await one(
        'SELECT last_archived_wal, last_failed_wal, failed_count::text AS failed_count FROM pg_stat_archiver',
      );
      return `last archived ${row.last_archived_wal ?? 'nothing'}, last failed ${
        row.last_failed_wal ?? 'nothing'
      }, ${row.failed_count} failures`;
    },
    async end() {
      await client.end().catch(() => undefined);
    },
  };
};

const timelineOf = (row: Record<string, unknown>): TimelineId => parseTimelineId(Number(row.timeline));

const refused = (cause: unknown): PipelineError => {
  const message = cause instanceof Error ? cause.message : String(cause);
  const isPermission = cause instanceof Error && 'code' in cause && cause.code === '42501';
  return new PipelineError('postgres-misconfigured', {
    message: `PostgreSQL refused: ${message}`,
    hint: isPermission
      ? 'A role that takes base backups is a superuser, or a member of pg_monitor with EXECUTE on pg_backup_start and ' +
        'pg_backup_stop (pg_start_backup and pg_stop_backup before PostgreSQL 15).'
      : "The server's log has the whole story.",
    cause,
  });
};

const factsQuery = `
  SELECT current_setting('server_version_num') AS version,
         current_setting('data_directory') AS data_directory,
         current_setting('block_size') AS block_bytes,
         current_setting('data_checksums') AS checksums,
         current_setting('archive_mode') AS archive_mode,
         (SELECT setting FROM pg_settings WHERE name = 'wal_segment_size') AS segment_bytes,
         pg_is_in_recovery()::text AS is_standby,
         (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier`;

const readFacts = (row: Record<string, unknown>): ServerFacts => {
  const pgVersion = Number(row.version);
  if (pgVersion < oldestMajor * 10000) {
    throw new PipelineError('postgres-unsupported', {
      message: `the server is PostgreSQL ${Math.floor(pgVersion / 10000)}`,
      hint: `walwarden takes base backups of PostgreSQL ${oldestMajor} and newer.`,
    });
  }
  return {
    pgVersion,
    dataDirectory: String(row.data_directory),
    systemIdentifier: parseSystemIdentifier(String(row.system_identifier)),
    segmentBytes: parseSegmentBytes(Number(row.segment_bytes)),
    blockBytes: Number(row.block_bytes),
    hasChecksums: row.checksums === 'on',
    isStandby: row.is_standby === 'true',
    archiveMode: String(row.archive_mode),
  };
};
