import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readForeignTar, type TarMember } from './foreign-tar.ts';
import type { TestArchive } from './test-archive.ts';

/** What WAL-G takes from a part although its list of files does not name it: these very names. */
const alwaysTaken: ReadonlySet<string> = new Set(['/global/pg_control', 'backup_label', 'tablespace_map']);

export type StrictRestore = {
  /** The list of files, as it stands. */
  readonly listed: ReadonlySet<string>;
  /** Every regular member of every part by the part's object. */
  readonly members: ReadonlyMap<string, readonly string[]>;
  readonly tarFileSets: Readonly<Record<string, readonly string[]>>;
  /** Members that were left in the parts because the list does not name them. */
  readonly left: readonly string[];
};

type Sentinel = {
  readonly FilesMetadataDisabled?: boolean;
  readonly Version?: number;
  readonly DeltaFrom?: string;
  readonly Spec?: { readonly tablespaces: readonly string[] };
};

type FilesMetadata = {
  readonly Files: Readonly<Record<string, { readonly IsIncremented: boolean; readonly IsSkipped: boolean }>>;
  readonly TarFileSets: Readonly<Record<string, readonly string[]>>;
};

/**
 * Restores a full backup with lz4's command line and nothing else, by the rules that WAL-G restores by: the list of files
 * decides by exact names, ordinary parts come before pg_control and backup_label, and of tablespaces it knows what the
 * sentinel's Spec says (here each goes to `tablespaceRoot`, as with a restore spec).
 */
export const restoreStrictly = async (
  archive: TestArchive,
  name: string,
  target: string,
  tablespaceRoot: string,
): Promise<StrictRestore> => {
  const folder = `basebackups_005/${name}`;
  const sentinel: Sentinel = JSON.parse(String(await archive.read(`${folder}_backup_stop_sentinel.json`)));
  if (sentinel.FilesMetadataDisabled === true || sentinel.Version !== 2 || sentinel.DeltaFrom !== undefined) {
    throw new Error('this reader wants a full backup with a list of files');
  }
  const lists: FilesMetadata = JSON.parse(String(await archive.read(`${folder}/files_metadata.json`)));
  if (Object.values(lists.Files).some((entry) => entry.IsIncremented || entry.IsSkipped)) {
    throw new Error('a full backup holds whole files');
  }
  const listed = new Set(Object.keys(lists.Files));

  mkdirSync(join(target, 'pg_tblspc'), { recursive: true, mode: 0o700 });
  for (const oid of sentinel.Spec?.tablespaces ?? []) {
    mkdirSync(join(tablespaceRoot, oid), { recursive: true, mode: 0o700 });
    symlinkSync(join(tablespaceRoot, oid), join(target, 'pg_tblspc', oid));
  }
  const keys = await archive.keys(`${folder}/tar_partitions/`);
  const isLast = (key: string): boolean => /\/(pg_control|backup_label)\.tar/.test(key);
  const members = new Map<string, readonly string[]>();
  const left: string[] = [];
  for (const key of [...keys.filter((one) => !isLast(one)), ...keys.filter(isLast)]) {
    const found = readForeignTar(unpacked(key, await archive.read(key)));
    const files = found.filter(({ kind }) => kind === 'file').map((member) => member.name);
    members.set(key.slice(key.lastIndexOf('/') + 1), files);
    for (const member of found) {
      const isTaken = member.kind !== 'file' || listed.has(member.name) || alwaysTaken.has(member.name);
      if (!isTaken) left.push(member.name);
      // With a restore spec the links are made already, and WAL-G leaves tablespace_map out.
      else if (member.name !== 'tablespace_map') place(target, member);
    }
  }
  return { listed, members, tarFileSets: lists.TarFileSets, left };
};

/** Only the suffix tells how an object was packed. */
const unpacked = (key: string, object: Buffer): Buffer => {
  if (key.endsWith('.tar')) return object;
  if (!key.endsWith('.lz4')) throw new Error(`this reader knows no ${key}`);
  return execFileSync('lz4', ['-dc'], { input: object, maxBuffer: 2 ** 30 });
};

const place = (target: string, member: TarMember): void => {
  const path = join(target, member.name);
  mkdirSync(member.kind === 'directory' ? path : dirname(path), { recursive: true, mode: 0o750 });
  if (member.kind === 'file') writeFileSync(path, member.content);
  chmodSync(path, member.mode);
};
