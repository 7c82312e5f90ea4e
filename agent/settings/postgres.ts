import { absolutePath, oneOf, secretText, text, wholeNumber } from './kinds.ts';
import { optional, type Take } from './setting.ts';

/** The variables of libpq that the PostgreSQL client understands (manual, "Environment Variables" of libpq). */
export const postgresTable = {
  PGDATA: optional({
    variable: 'PGDATA',
    group: 'postgres',
    kind: absolutePath,
    doc: 'The data directory that backup-push reads when none is named.',
  }),
  PGHOST: optional({
    variable: 'PGHOST',
    group: 'postgres',
    kind: text,
    doc: 'The server, or the directory of its Unix socket.',
  }),
  PGPORT: optional({
    variable: 'PGPORT',
    group: 'postgres',
    kind: wholeNumber(1, 65_535),
    doc: "The server's port.",
  }),
  PGUSER: optional({
    variable: 'PGUSER',
    group: 'postgres',
    kind: text,
    doc: 'The role to connect as; it needs to be allowed to run pg_backup_start.',
  }),
  PGPASSWORD: optional({
    variable: 'PGPASSWORD',
    group: 'postgres',
    kind: secretText,
    secret: true,
    doc: "The role's password.",
  }),
  PGPASSFILE: optional({
    variable: 'PGPASSFILE',
    group: 'postgres',
    kind: text,
    doc: 'The file to look the password up in.',
  }),
  PGDATABASE: optional({
    variable: 'PGDATABASE',
    group: 'postgres',
    kind: text,
    doc: 'The database to connect to; any one does.',
  }),
  PGSSLMODE: optional({
    variable: 'PGSSLMODE',
    group: 'postgres',
    kind: oneOf('disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'),
    doc: 'Whether the connection is encrypted and how the server is checked.',
  }),
  PGSSLROOTCERT: optional({
    variable: 'PGSSLROOTCERT',
    group: 'postgres',
    kind: text,
    doc: 'The file of certificate authorities that the server is checked against.',
  }),
  PGSSLCERT: optional({
    variable: 'PGSSLCERT',
    group: 'postgres',
    kind: text,
    doc: "The file of the client's certificate.",
  }),
  PGSSLKEY: optional({
    variable: 'PGSSLKEY',
    group: 'postgres',
    kind: text,
    doc: "The file of the client certificate's key.",
  }),
  PGCONNECT_TIMEOUT: optional({
    variable: 'PGCONNECT_TIMEOUT',
    group: 'postgres',
    kind: wholeNumber(0, 86_400, 'seconds'),
    doc: 'How long to wait for a connection; 0 waits for ever.',
  }),
  PGOPTIONS: optional({
    variable: 'PGOPTIONS',
    group: 'postgres',
    kind: text,
    doc: 'Options for the session, such as -c statement_timeout=0.',
  }),
  PGAPPNAME: optional({
    variable: 'PGAPPNAME',
    group: 'postgres',
    kind: text,
    doc: 'The name that pg_stat_activity shows.',
  }),
} as const;

/** By the variables' own names, after a settings directory was applied. */
export const readPostgresSettings = (take: Take) => ({
  PGDATA: take(postgresTable.PGDATA),
  PGHOST: take(postgresTable.PGHOST),
  PGPORT: take(postgresTable.PGPORT),
  PGUSER: take(postgresTable.PGUSER),
  PGPASSWORD: take(postgresTable.PGPASSWORD),
  PGPASSFILE: take(postgresTable.PGPASSFILE),
  PGDATABASE: take(postgresTable.PGDATABASE),
  PGSSLMODE: take(postgresTable.PGSSLMODE),
  PGSSLROOTCERT: take(postgresTable.PGSSLROOTCERT),
  PGSSLCERT: take(postgresTable.PGSSLCERT),
  PGSSLKEY: take(postgresTable.PGSSLKEY),
  PGCONNECT_TIMEOUT: take(postgresTable.PGCONNECT_TIMEOUT),
  PGOPTIONS: take(postgresTable.PGOPTIONS),
  PGAPPNAME: take(postgresTable.PGAPPNAME),
});

export type PostgresSettings = Readonly<ReturnType<typeof readPostgresSettings>>;
