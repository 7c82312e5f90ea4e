import type { Cluster } from '../support/cluster.ts';

/** The database of the shop, which the demo is about. */
export const shopDatabase = 'shop';

const tables = `
  create table customers (id int primary key, name text not null, town text not null);
  create table orders (
    id int generated always as identity primary key,
    customer int not null references customers,
    article text not null,
    pieces int not null,
    price numeric(8, 2) not null,
    ordered_at timestamptz not null default now()
  );`;

/** Names, towns and articles are put together by number, so that every run has the same customers. */
const customers = `
  insert into customers
  select n,
         (array['Ada', 'Grace', 'Edgar', 'Barbara', 'Linus', 'Radia', 'Donald'])[1 + n % 7] || ' ' ||
         (array['Lind', 'Okafor', 'Moreau', 'Tanaka', 'Silva', 'Novak', 'Berg', 'Rossi', 'Khan', 'Diaz', 'Adler'])[1 + n % 11],
         (array['Lisbon', 'Ghent', 'Oslo', 'Krakow', 'Trieste'])[1 + n % 5]
    from generate_series(1, 200) as n`;

const ordersSql = (count: number): string => `
  insert into orders (customer, article, pieces, price)
  select 1 + n * 37 % 200,
         (array['teapot', 'atlas', 'lamp', 'bicycle bell', 'chess set', 'umbrella'])[1 + n % 6],
         1 + n % 4,
         (495 + n * 131 % 9000) / 100.0
    from generate_series(1, ${count}) as n`;

/** Makes the shop with its customers and its first orders. */
export const openShop = async (cluster: Cluster, orders: number): Promise<void> => {
  await cluster.exec(`create database ${shopDatabase}`);
  await cluster.exec(tables, shopDatabase);
  await cluster.exec(customers, shopDatabase);
  await cluster.exec(ordersSql(orders), shopDatabase);
};

export const takeOrders = (cluster: Cluster, orders: number): Promise<void> =>
  cluster.exec(ordersSql(orders), shopDatabase);

/** The order that came last, in words: `order 1500: Ada Lind, Oslo: 2 x teapot, 49.90`. */
export const lastOrder = (cluster: Cluster): Promise<string> =>
  cluster.session(async (client) => {
    const { rows } = await client.query<{ words: string }>(
      `select format('order %s, %s of %s: %s x %s at %s', o.id, c.name, c.town, o.pieces, o.article, o.price) as words
         from orders o join customers c on c.id = o.customer order by o.id desc limit 1`,
    );
    return rows[0]?.words ?? 'no order';
  }, shopDatabase);

/** What a table holds: how many rows, and a checksum over all of them. */
export type TableContent = { readonly table: string; readonly rows: number; readonly checksum: string };

export const shopContent = async (cluster: Cluster): Promise<readonly TableContent[]> =>
  [...(await cluster.tableChecksums())]
    .filter(([name]) => name.startsWith(`${shopDatabase}/`))
    .map(([name, content]) => {
      const [rows = '', checksum = ''] = content.split(':');
      return { table: name.slice(name.lastIndexOf('.') + 1), rows: Number(rows), checksum };
    });
