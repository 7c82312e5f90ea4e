import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Cluster } from './running-cluster.ts';
import { eventually } from './waiting.ts';

export type LoadResult = {
  /** Transactions that were committed for certain, over all connections. */
  readonly transactions: number;
  /** Connections that the server dropped; the transaction under way on each may or may not have been committed. */
  readonly lostConnections: number;
};

export type Load = {
  /** How many transactions are committed so far. */
  transactions(): number;
  /** Lets every connection finish its transaction. An SQL error of the load is thrown here. */
  stop(): Promise<LoadResult>;
};

const accounts = 1_000;

const schema = `
  create table if not exists load_accounts (id int primary key, balance bigint not null, owner text not null);
  create table if not exists load_transfers (
    id bigint generated always as identity primary key, account int not null, amount int not null,
    at timestamptz not null default clock_timestamp());
  create table if not exists load_documents (
    id bigint generated always as identity primary key, title text not null, body jsonb not null, attachment bytea);
  create index if not exists load_documents_title on load_documents (title);
  insert into load_accounts
    select id, 0, 'owner ' || md5(id::text) from generate_series(1, ${accounts}) as id
    on conflict do nothing;`;

/** A small generator (mulberry32) instead of Math.random: the same seed gives the same choice of statements. */
const randomNumbers = (seed: number): ((below: number) => number) => {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
};

const words = 'invoice ledger river parcel copper winter signal harbour ticket orchard margin lantern'.split(
  ' ',
);

/** One transaction of one connection. No kind locks two rows in an order of its own, so none deadlocks. */
const runTransaction = async (client: pg.Client, random: (below: number) => number): Promise<void> => {
  const kind = random(100);
  if (kind < 55) {
    const [account, amount] = [1 + random(accounts), random(10_000) - 5_000];
    await client.query(
      `with moved as (update load_accounts set balance = balance + $2 where id = $1)
       insert into load_transfers (account, amount) values ($1, $2)`,
      [account, amount],
    );
  } else if (kind < 90) {
    const title = Array.from({ length: 3 }, () => words[random(words.length)]).join(' ');
    const attachmentMd5s = 1 + random(120);
    await client.query(
      `insert into load_documents (title, body, attachment)
       select $1, jsonb_build_object('title', $1::text, 'lines', jsonb_agg(md5(random()::text))),
              decode(string_agg(md5(random()::text), ''), 'hex')
         from generate_series(1, $2)`,
      [title, attachmentMd5s],
    );
  } else if (kind < 99) {
    await client.query(
      `delete from load_documents
        where id in (select id from load_documents order by id limit $1 for update skip locked)`,
      [1 + random(5)],
    );
  } else {
    await client.query('vacuum load_documents');
  }
};

/**
 * Writes as an application does, through several connections, until it is stopped or the server goes away. It is
 * under way, with something committed, when the promise resolves.
 */
export const startLoad = async (
  cluster: Cluster,
  options: {
    readonly connections?: number;
    readonly seed?: number;
    /** Between two transactions of a connection: without any, WAL comes faster than most stores take it. */
    readonly pauseMs?: number;
  } = {},
): Promise<Load> => {
  await cluster.exec(schema);
  const connections = options.connections ?? 4;
  let isStopping = false;
  let transactions = 0;
  let lostConnections = 0;
  const run = async (connection: number): Promise<void> => {
    const random = randomNumbers((options.seed ?? 1) * 1_000 + connection);
    await cluster.session(async (client) => {
      let isLost = false;
      // An error that reaches the client outside of a query is one of its connection.
      for (const event of ['error', 'end'] as const) {
        client.on(event, () => {
          isLost = true;
        });
      }
      while (!isStopping) {
        try {
          await runTransaction(client, random);
          transactions += 1;
          if (options.pauseMs !== undefined) await sleep(options.pauseMs);
        } catch (error) {
          if (!isLost && !isServerGone(error)) throw error;
          lostConnections += 1;
          return;
        }
      }
    });
  };
  let ended = 0;
  const runs = Promise.allSettled(
    Array.from({ length: connections }, (_, connection) =>
      run(connection).finally(() => {
        ended += 1;
      }),
    ),
  );
  const stop: Load['stop'] = async () => {
    isStopping = true;
    for (const result of await runs) if (result.status === 'rejected') throw result.reason;
    return { transactions, lostConnections };
  };
  await eventually('a transaction of the load', () => transactions > 0 || ended === connections);
  if (ended === connections) await stop();
  return { transactions: () => transactions, stop };
};

/** Class 57 is operator intervention (shutdown, crash of another process), 08 a connection exception. */
const isServerGone = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return /^(57P|08|ECONNRESET|EPIPE)/.test(code) || error.message === 'Connection terminated unexpectedly';
};

/** So many tables in one transaction that commits do not count, and so few that the lock table holds them. */
const tablesPerTransaction = 500;

/** Creates `count` relations of one row in the schema `many`: t1, t2, ... Each is one small file. */
export const createManyTables = (cluster: Cluster, count: number): Promise<void> =>
  cluster.session(async (client) => {
    await client.query('create schema if not exists many');
    for (let first = 1; first <= count; first += tablesPerTransaction) {
      const last = Math.min(count, first + tablesPerTransaction - 1);
      await client.query(
        `do $$ begin
           for i in ${first}..${last} loop
             execute format('create table many.t%s as select %s as id, clock_timestamp() as at', i, i);
           end loop;
         end $$`,
      );
    }
  });
