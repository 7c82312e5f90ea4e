import pg from 'pg';

/** How the `pg` client reaches a cluster: always through its socket, never over TCP. */
export type ConnectionSettings = {
  /** The directory of the socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
};

/** One connection for as long as `use` runs. */
export const withClient = async <Result>(
  settings: ConnectionSettings,
  use: (client: pg.Client) => Promise<Result>,
): Promise<Result> => {
  const client = new pg.Client({
    ...settings,
    ssl: false,
    password: '',
    connectionTimeoutMillis: 30_000,
    // Checksums compare values as text, which these two decide about.
    options: '-c datestyle=ISO -c timezone=UTC',
  });
  // A server that dies reports to the query that waits; without a listener it would also end this process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
};
