import { createCipheriv } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32c } from '../../lib/codec/crc32c.ts';
import { type AgentResult, runAgent } from './agent.ts';
import { giveToClusterUser } from './cluster-user.ts';
import { type Hooks, temporaryDirectory } from './temporary.ts';
import type { TestArchive } from './test-archive.ts';

export const pageBytes = 8192;

/** XLOG_PAGE_MAGIC of PostgreSQL 17 (src/include/access/xlog_internal.h). */
const magic = 0xd116;

export type SegmentFields = {
  /** The name that the content is right for. */
  readonly name: string;
  readonly system?: bigint;
  readonly segmentMiB?: number;
  /** Another seed, another content. */
  readonly seed?: number;
};

export const ourSystem = 7_390_000_000_000_000_001n;
export const foreignSystem = 7_390_000_000_000_000_002n;

/** Bytes that no codec makes smaller, the same for the same seed. */
export const incompressible = (length: number, seed = 1): Buffer => {
  const key = Buffer.alloc(16);
  key.writeUInt32LE(seed);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
};

/** A segment as PostgreSQL lays out its pages (xlog_internal.h); what lies between the page headers is noise. */
export const walSegment = ({ name, system = ourSystem, segmentMiB = 1, seed }: SegmentFields): Buffer => {
  const segmentBytes = segmentMiB * 2 ** 20;
  const [timeline = 0, high = 0, low = 0] = [0, 8, 16].map((at) =>
    Number.parseInt(name.slice(at, at + 8), 16),
  );
  const begin = BigInt(high) * 2n ** 32n + BigInt(low) * BigInt(segmentBytes);
  const content = incompressible(segmentBytes, seed);
  for (let at = 0; at < segmentBytes; at += pageBytes) {
    content.fill(0, at, at + (at === 0 ? 40 : 24));
    content.writeUInt16LE(magic, at);
    content.writeUInt16LE(at === 0 ? 2 : 0, at + 2);
    content.writeUInt32LE(timeline, at + 4);
    content.writeBigUInt64LE(begin + BigInt(at), at + 8);
  }
  content.writeBigUInt64LE(system, 24);
  content.writeUInt32LE(segmentBytes, 32);
  content.writeUInt32LE(pageBytes, 36);
  return content;
};

/** global/pg_control with the two fields that the agent reads (src/include/catalog/pg_control.h). */
const controlFile = (system: bigint): Buffer => {
  const content = Buffer.alloc(8192);
  content.writeBigUInt64LE(system);
  content.writeUInt32LE(crc32c(content.subarray(0, 292)), 292);
  return content;
};

/** A host with WAL files on it and the agent at hand, where no server is needed. */
export type WalPlace = {
  /** Where restored files go; `files` tells what lies there. */
  readonly restored: string;
  /** Lays the file into pg_wal and returns its path. */
  lay(name: string, content: Uint8Array): string;
  push(name: string, content: Uint8Array, env?: Readonly<Record<string, string>>): Promise<AgentResult>;
  fetch(name: string, env?: Readonly<Record<string, string>>): Promise<AgentResult>;
  /** Fetches, expects the answer 0, and gives the content. */
  fetched(name: string): Promise<Buffer>;
  /** The names below `restored`; what a fetch that failed must not have changed. */
  files(): Promise<readonly string[]>;
  agent(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<AgentResult>;
  /** Makes it a host that has never met the archive. */
  forget(): Promise<void>;
};

/**
 * A new host.
 *
 * @param system whose pg_control lies beside pg_wal; without it there is none, as when a WAL file is archived by hand
 */
export const walPlace = (hooks: Hooks, archive: TestArchive, system?: bigint): WalPlace => {
  const home = temporaryDirectory(hooks, { ownedByCluster: true });
  const folder = (name: string): string => {
    mkdirSync(join(home, name));
    giveToClusterUser(join(home, name));
    return join(home, name);
  };
  const [wal, restored, global] = [folder('pg_wal'), folder('restored'), folder('global')];
  if (system !== undefined) writeFileSync(join(global, 'pg_control'), controlFile(system));
  // What one host remembers of an archive is nothing that another one knows.
  const state = join(home, 'state');
  const agent: WalPlace['agent'] = (args, env = {}) =>
    runAgent(args, {
      cwd: home,
      env: {
        ...archive.env,
        WALWARDEN_PUSH_RETRY_SECONDS: '0',
        WALWARDEN_FETCH_RETRY_SECONDS: '0',
        WALWARDEN_STATE_DIR: state,
        ...env,
      },
    });
  const lay: WalPlace['lay'] = (name, content) => {
    const path = join(wal, name);
    writeFileSync(path, content);
    giveToClusterUser(path);
    return path;
  };
  const fetch: WalPlace['fetch'] = (name, env) => agent(['wal-fetch', name, join(restored, 'wanted')], env);
  return {
    restored,
    lay,
    push: (name, content, env) => agent(['wal-push', lay(name, content)], env),
    fetch,
    fetched: async (name) => {
      const { status, stderr } = await fetch(name);
      if (status !== 0) throw new Error(`wal-fetch ${name} ended with ${status}\n${stderr}`);
      const content = await readFile(join(restored, 'wanted'));
      await rm(join(restored, 'wanted'));
      return content;
    },
    files: () => readdir(restored),
    forget: () => rm(state, { recursive: true, force: true }),
    agent,
  };
};

/** Every object with its bytes: what a refused push must not have changed. */
export const archiveContent = async (archive: TestArchive): Promise<ReadonlyMap<string, string>> => {
  const content = new Map<string, string>();
  for (const key of await archive.keys()) content.set(key, (await archive.read(key)).toString('base64'));
  return content;
};
