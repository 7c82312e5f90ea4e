import type { Stats } from 'node:fs';
import { lstat, opendir, readdir, readlink } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { mapInOrder } from '../../lib/codec/streams.ts';
import { type ClusterFacts, classifyEntry, type Verdict } from '../../lib/core/backup/exclusions.ts';
import type { TablespaceSpec } from '../../lib/core/backup/tablespaces.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import { isSystemError } from '../host/files.ts';

/** One thing that belongs into the backup: a file with its size now, or a directory. */
export type CopyEntry = {
  readonly kind: 'file' | 'directory';
  /** Relative to the data directory, `pg_tblspc/<oid>/...` in a tablespace. */
  readonly path: string;
  /** Where it lies on this host. */
  readonly source: string;
  readonly bytes: number;
  readonly mode: number;
  readonly modifiedAt: Date;
};

export type Cluster = {
  readonly dataDirectory: string;
  readonly majorVersion: number;
  readonly tablespaces: TablespaceSpec;
  /** Called for what is left out although somebody may miss it: a socket, a stray link. */
  readonly onSpecialFile: (path: string) => void;
};

/** The tablespaces that lie outside the data directory, by their links in pg_tblspc. */
export const clusterTablespaces = async (dataDirectory: string): Promise<TablespaceSpec> => {
  const links = join(dataDirectory, 'pg_tblspc');
  const names = (await readdir(links, { withFileTypes: true }).catch(cannotRead(links)))
    .filter((entry) => entry.isSymbolicLink() && /^\d+$/.test(entry.name))
    .map(({ name }) => name);
  const tablespaces = await Promise.all(
    names.map(async (name) => ({
      oid: Number(name),
      location: await readlink(join(links, name)),
      link: `pg_tblspc/${name}`,
    })),
  );
  return { basePrefix: dataDirectory, tablespaces: tablespaces.sort((left, right) => left.oid - right.oid) };
};

/** How many entries are looked at ahead; a directory of a database has tens of thousands. */
const lookAhead = 64;

/**
 * Everything that belongs into a base backup, directories before what is in them, without pg_control, which goes last.
 * Streamed: memory does not grow with the cluster. What vanishes while it is walked is not there.
 */
export async function* walkCluster(cluster: Cluster): AsyncGenerator<CopyEntry> {
  const inside = cluster.tablespaces.tablespaces.flatMap(({ location }) => {
    const path = relative(cluster.dataDirectory, location);
    return path === '' || path.startsWith('..') || isAbsolute(path) ? [] : [path];
  });
  yield* walkDirectory(cluster, new Set(inside), '');
}

async function* walkDirectory(
  cluster: Cluster,
  innerTablespaces: ReadonlySet<string>,
  path: string,
): AsyncGenerator<CopyEntry> {
  const directory = join(cluster.dataDirectory, path);
  const initForks = await initForksIn(directory, path);
  const facts: ClusterFacts = {
    majorVersion: cluster.majorVersion,
    hasInitFork: (relationPath) => initForks.has(relationPath),
    innerTablespaces,
  };
  for await (const found of mapInOrder(names(directory), lookAhead, (name) => look(directory, path, name))) {
    if (found === undefined) continue;
    const verdict = classifyEntry({ path: found.path, kind: kindOf(found.stats) }, facts);
    yield* follow(cluster, innerTablespaces, found, verdict);
  }
}

type Found = { readonly path: string; readonly source: string; readonly stats: Stats };

async function* follow(
  cluster: Cluster,
  innerTablespaces: ReadonlySet<string>,
  found: Found,
  verdict: Verdict,
): AsyncGenerator<CopyEntry> {
  switch (verdict.action) {
    case 'leave-out':
      if (verdict.reason === 'special-file') cluster.onSpecialFile(found.path);
      return;
    case 'keep-last':
      return;
    case 'keep-empty':
      yield directoryEntry(found, found.path);
      for (const name of verdict.directories) yield directoryEntry(found, `${found.path}/${name}`);
      return;
    case 'tablespace':
      // The link itself is no member: whoever restores decides where the tablespace lies.
      yield* walkDirectory(cluster, innerTablespaces, found.path);
      return;
    case 'keep':
      if (!found.stats.isDirectory()) {
        yield entryOf(found, 'file');
        return;
      }
      yield directoryEntry(found, found.path);
      yield* walkDirectory(cluster, innerTablespaces, found.path);
  }
}

const entryOf = ({ path, source, stats }: Found, kind: 'file' | 'directory'): CopyEntry => ({
  kind,
  path,
  source,
  bytes: kind === 'file' ? stats.size : 0,
  mode: stats.mode & 0o777,
  modifiedAt: stats.mtime,
});

/** A kept directory may be a link on the host (pg_wal often is); in the backup it is a directory like its neighbours. */
const directoryEntry = (found: Found, path: string): CopyEntry => ({
  ...entryOf(found, 'directory'),
  path,
  mode: found.stats.isDirectory() ? found.stats.mode & 0o777 : 0o700,
});

const kindOf = (stats: Stats): 'file' | 'directory' | 'symlink' | 'other' => {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : 'other';
};

const look = async (directory: string, parent: string, name: string): Promise<Found | undefined> => {
  const source = join(directory, name);
  const stats = await lstat(source).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return undefined;
    return cannotRead(source)(error);
  });
  return stats === undefined
    ? undefined
    : { path: parent === '' ? name : `${parent}/${name}`, source, stats };
};

async function* names(directory: string): AsyncGenerator<string> {
  try {
    for await (const entry of await opendir(directory, { bufferSize: 256 })) yield entry.name;
  } catch (error) {
    // A dropped database takes its directory with it.
    if (!isSystemError(error, 'ENOENT')) cannotRead(directory)(error);
  }
}

/** The relations of a directory that have an init fork, which are the unlogged ones; only their names are kept. */
const initForksIn = async (directory: string, path: string): Promise<ReadonlySet<string>> => {
  const relations = new Set<string>();
  if (!/^(base|pg_tblspc)\//.test(path)) return relations;
  for await (const name of names(directory)) {
    const relation = /^(\d+)_init$/.exec(name)?.[1];
    if (relation !== undefined) relations.add(`${path}/${relation}`);
  }
  return relations;
};

const cannotRead =
  (path: string) =>
  (cause: unknown): never => {
    throw new PipelineError('file-unreadable', {
      message: `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: 'Run backup-push as the user that owns the cluster.',
      cause,
    });
  };
