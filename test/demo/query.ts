/** A psql for who has none: `node query.ts SOCKET-DIRECTORY DATABASE SQL`, for a look around in a demo that was kept. */
import { formatTable } from '../../agent/host/output.ts';
import { withClient } from '../support/connection.ts';

const [host = '', database = '', sql = ''] = process.argv.slice(2);
if (sql === '') {
  process.stderr.write('Usage: node query.ts SOCKET-DIRECTORY DATABASE SQL\n');
  process.exit(2);
}
await withClient({ host, port: 5432, user: 'postgres', database }, async (client) => {
  const { fields, rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
  const cells = rows.map((row) =>
    row.map((value) => (value instanceof Date ? value.toISOString() : String(value))),
  );
  process.stdout.write(
    `${formatTable(
      fields.map(({ name }) => ({ heading: name })),
      cells,
    )}\n`,
  );
});
