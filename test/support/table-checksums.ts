import { type ConnectionSettings, withClient } from './connection.ts';

/** So many tables in one statement that 20,000 of them take few round trips, and so few that locks and plans stay small. */
const tablesPerStatement = 100;

/**
 * Row count and checksum of every table and materialized view of every database, by `database/schema.table`. Equal
 * for equal rows in whatever order they are stored. Unlogged and temporary tables are left out: recovery empties them.
 */
export const tableChecksums = async (settings: ConnectionSettings): Promise<ReadonlyMap<string, string>> => {
  const checksums = new Map<string, string>();
  for (const database of await databaseNames(settings)) {
    await withClient({ ...settings, database }, async (client) => {
      const { rows: tables } = await client.query<{ name: string }>(
        `select format('%I.%I', n.nspname, c.relname) as name
           from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where c.relkind in ('r', 'm') and c.relpersistence = 'p' and (c.relkind = 'r' or c.relispopulated)
            and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'
          order by 1`,
      );
      for (let begin = 0; begin < tables.length; begin += tablesPerStatement) {
        const names = tables.slice(begin, begin + tablesPerStatement).map(({ name }) => name);
        const { rows } = await client.query<{ name: string; checksum: string }>(
          names.map((name) => checksumSql(name, client.escapeLiteral(name))).join('\nunion all\n'),
        );
        for (const { name, checksum } of rows) checksums.set(`${database}/${name}`, checksum);
      }
    });
  }
  return checksums;
};

/** `(r.*)::text` is the whole row even where a column is called r. */
const checksumSql = (table: string, literal: string): string =>
  `select ${literal}::text as name,
          count(*) || ':' || md5(coalesce(string_agg(digest, '' order by digest collate "C"), '')) as checksum
     from (select md5((r.*)::text) as digest from ${table} as r) as rows`;

const databaseNames = (settings: ConnectionSettings): Promise<readonly string[]> =>
  withClient(settings, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      'select datname as name from pg_database where datallowconn and not datistemplate order by 1',
    );
    return rows.map(({ name }) => name);
  });
