/**
 * What of a data directory belongs into a base backup: the choice of pg_basebackup (sendDir in
 * src/backend/backup/basebackup.c, PostgreSQL 14 to 18), with one difference. PostgreSQL compares bare names at any
 * depth; here every rule holds only where PostgreSQL itself puts that name, so that a file of the same name in a
 * directory that an extension or a person made is not lost.
 *
 * As in pg_basebackup the log directory, configuration files, `standby.signal` and `recovery.signal` are kept. A
 * backup taken from a standby therefore holds `standby.signal`; whoever restores it decides anew how the cluster
 * starts and must remove the signal file that is not wanted.
 */

/** `path` is relative to PGDATA with '/' between steps; tablespaces lie below `pg_tblspc/<oid>/`. */
export type ClusterEntry = {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
};

export type ClusterFacts = {
  /** 14, 15, ... */
  readonly majorVersion: number;
  /** Whether `<relationPath>_init` exists, where the path is that of a relation's main fork: `base/5/16384`. */
  hasInitFork(relationPath: string): boolean;
  /** Tablespaces that lie inside PGDATA, relative to it: they come with `pg_tblspc` and must not come twice. */
  readonly innerTablespaces?: ReadonlySet<string>;
};

/** Why something stays out. 'special-file' is worth a warning: nobody meant a socket or a stray link to be there. */
export type LeaveOutReason =
  | 'in-archive'
  | 'made-at-start'
  | 'of-the-running-server'
  | 'of-another-version'
  | 'of-walwarden'
  | 'operating-system'
  | 'temporary'
  | 'tablespace-inside'
  | 'unlogged'
  | 'special-file';

export type Verdict =
  | { readonly action: 'keep' }
  /** `global/pg_control`: after everything else, because recovery begins at the checkpoint that it names. */
  | { readonly action: 'keep-last' }
  /** A tablespace's link: its target is recorded in tablespace_map, its content is walked below this path. */
  | { readonly action: 'tablespace'; readonly oid: number }
  /** Keep as a directory, even where it is a link, with these directories in it and nothing else. */
  | {
      readonly action: 'keep-empty';
      readonly reason: LeaveOutReason;
      readonly directories: readonly string[];
    }
  | { readonly action: 'leave-out'; readonly reason: LeaveOutReason };

const keep = { action: 'keep' } as const;
const leaveOut = (reason: LeaveOutReason): Verdict => ({ action: 'leave-out', reason });

/** excludeDirContents: PostgreSQL empties or remakes them at start. */
const emptiedDirectories: ReadonlySet<string> = new Set([
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
]);

/** excludeFiles, apart from pg_internal.init: of this server, of this moment, or of the backup it came from. */
const rootFiles: ReadonlyMap<string, LeaveOutReason> = new Map([
  ['postgresql.auto.conf.tmp', 'temporary'],
  ['current_logfiles.tmp', 'temporary'],
  ['backup_label', 'of-the-running-server'],
  ['tablespace_map', 'of-the-running-server'],
  ['backup_manifest', 'of-the-running-server'],
  ['postmaster.pid', 'of-the-running-server'],
  ['postmaster.opts', 'of-the-running-server'],
]);

const versionDirectory = /^PG_([1-9]\d*)_\d+$/;
const oidName = /^[1-9]\d{0,9}$/;
const relationName = /^([1-9]\d{0,9})(?:_(fsm|vm|init))?(?:\.([1-9]\d{0,4}))?$/;
const temporaryRelationName = /^t\d+_\d+(?:_(?:fsm|vm|init))?(?:\.\d+)?$/;
const relationSegments = 32_768; // 2^32 blocks in files of 131,072

const lastStepOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** What a path means by where it lies; the steps count from PGDATA. */
const placeOf = (
  steps: readonly string[],
): 'root' | 'global' | 'base' | 'version' | 'database' | 'elsewhere' => {
  const [top = '', second = '', third = '', fourth = ''] = steps;
  if (steps.length === 1) return 'root';
  if (top === 'global' && steps.length === 2) return 'global';
  if (top === 'base' && steps.length === 2) return 'base';
  if (top === 'base' && steps.length === 3 && oidName.test(second)) return 'database';
  if (top !== 'pg_tblspc' || !oidName.test(second) || !versionDirectory.test(third)) return 'elsewhere';
  if (steps.length === 4) return 'version';
  return steps.length === 5 && oidName.test(fourth) ? 'database' : 'elsewhere';
};

const judgeRoot = ({ path, kind }: ClusterEntry, { majorVersion }: ClusterFacts): Verdict | undefined => {
  if (path === 'pg_wal') {
    const directories = majorVersion >= 17 ? ['archive_status', 'summaries'] : ['archive_status'];
    return { action: 'keep-empty', reason: 'in-archive', directories };
  }
  if (emptiedDirectories.has(path)) return { action: 'keep-empty', reason: 'made-at-start', directories: [] };
  const reason = kind === 'directory' ? undefined : rootFiles.get(path);
  return reason === undefined ? undefined : leaveOut(reason);
};

const judgeRelation = (entry: ClusterEntry, name: string, facts: ClusterFacts): Verdict | undefined => {
  if (temporaryRelationName.test(name)) return leaveOut('temporary');
  const [, fileNumber, fork] = relationName.exec(name) ?? [];
  if (fileNumber === undefined || fork === 'init') return undefined;
  const relationPath = `${entry.path.slice(0, -name.length)}${fileNumber}`;
  return facts.hasInitFork(relationPath) ? leaveOut('unlogged') : undefined;
};

/** In a tablespace's directory other major versions may live beside ours: pg_upgrade leaves them there. */
const judgeTablespace = (
  entry: ClusterEntry,
  steps: readonly string[],
  facts: ClusterFacts,
): Verdict | undefined => {
  const [top, oid = '', name = ''] = steps;
  if (top !== 'pg_tblspc' || !oidName.test(oid)) return undefined;
  if (steps.length === 2 && entry.kind === 'symlink') return { action: 'tablespace', oid: Number(oid) };
  const isForeign = steps.length === 3 && versionDirectory.exec(name)?.[1] !== String(facts.majorVersion);
  return isForeign ? leaveOut('of-another-version') : undefined;
};

const judgeByPlace = (entry: ClusterEntry, facts: ClusterFacts): Verdict | undefined => {
  const steps = entry.path.split('/');
  const name = lastStepOf(entry.path);
  if (name.startsWith('.walwarden')) return leaveOut('of-walwarden');
  if (name === '.DS_Store') return leaveOut('operating-system');
  const place = placeOf(steps);
  if (place === 'root') return judgeRoot(entry, facts);
  if ((place === 'base' || place === 'version') && name.startsWith('pgsql_tmp')) return leaveOut('temporary');
  if ((place === 'global' || place === 'database') && name.startsWith('pg_internal.init')) {
    return leaveOut('made-at-start');
  }
  if (place === 'database') return judgeRelation(entry, name, facts);
  return judgeTablespace(entry, steps, facts);
};

/**
 * What to do with one entry of a walk from PGDATA. A directory that is left out or kept empty is not walked into.
 * A link anywhere but at a place that PostgreSQL links itself is 'special-file', as in pg_basebackup.
 */
export const classifyEntry = (entry: ClusterEntry, facts: ClusterFacts): Verdict => {
  const judged = judgeByPlace(entry, facts);
  if (judged !== undefined) return judged;
  if (entry.kind === 'symlink' || entry.kind === 'other') return leaveOut('special-file');
  if (entry.path === 'global/pg_control') return { action: 'keep-last' };
  if (entry.kind === 'directory' && facts.innerTablespaces?.has(entry.path) === true) {
    return { action: 'keep-empty', reason: 'tablespace-inside', directories: [] };
  }
  return keep;
};

export type RelationFile = {
  /** Which gigabyte of the relation: block numbers begin at `segmentNumber * pagesPerRelationSegment` (page.ts). */
  readonly segmentNumber: number;
  readonly fork: 'main' | 'fsm' | 'vm' | 'init';
};

const forks = { fsm: 'fsm', vm: 'vm', init: 'init' } as const;

/** The facts of a file whose pages carry checksums, or undefined for every other file of the cluster. */
export const relationFileOf = (path: string): RelationFile | undefined => {
  const steps = path.split('/');
  const place = placeOf(steps);
  if (place !== 'global' && place !== 'database') return undefined;
  const match = relationName.exec(lastStepOf(path));
  if (match === null) return undefined;
  const [, , fork, segment = '0'] = match;
  const segmentNumber = Number(segment);
  if (segmentNumber >= relationSegments) return undefined;
  return { segmentNumber, fork: fork === 'fsm' || fork === 'vm' || fork === 'init' ? forks[fork] : 'main' };
};
