import { parseKey, tarPartitionsPrefix } from '../../lib/core/archive/layout.ts';
import type { Tablespace } from '../../lib/core/backup/tablespaces.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import type { Archive } from '../archive/archive.ts';
import type { Backup } from './backups.ts';
import { chainMembers, type StageMembers } from './chain-members.ts';
import type { PartToRestore } from './part-reader.ts';
import type { PartMembers } from './restore-member.ts';
import { manifestParts } from './restore-parts.ts';

/** One backup of a chain, to be restored whole before the next one is. */
export type RestoreStage = {
  readonly parts: AsyncIterable<PartToRestore>;
  /** To be called when all parts are restored. @throws 'backup-damaged' when a file was in none of them */
  finish(): Promise<void>;
};

/**
 * What to restore, in order: the parts of our own backup as its manifest lists them, or those that the archive has of
 * each backup in a chain of WAL-G's, or of WAL-E's one.
 *
 * @param chain the full backup first
 * @throws 'backup-damaged', 'archive-document-invalid'
 */
export async function* restoreStages(
  archive: Archive,
  chain: readonly Backup[],
  tablespaces: readonly Tablespace[],
): AsyncGenerator<RestoreStage> {
  const [first] = chain;
  if (first?.summary !== undefined && chain.length === 1) {
    yield { parts: manifestParts(archive, first.summary), finish: async () => undefined };
    return;
  }
  const membersOf = await chainMembers(archive, chain);
  for (const [level, backup] of chain.entries()) {
    const isNewest = level === chain.length - 1;
    const stage = await membersOf(level);
    const members = partMembers(stage, isNewest, tablespaces);
    yield { parts: listedParts(archive, backup, isNewest, members), finish: () => stage.finish() };
  }
}

const partMembers = (
  stage: StageMembers,
  isNewest: boolean,
  tablespaces: readonly Tablespace[],
): PartMembers => {
  const links = new Set(tablespaces.map(({ link }) => link));
  const assertMapped = (path: string): void => {
    const link = /^pg_tblspc\/\d+(?=\/|$)/.exec(path)?.[0];
    if (link === undefined || links.has(link)) return;
    throw new PipelineError('tablespace-unmapped', {
      message: `the backup holds ${path} of a tablespace that it does not say the place of`,
      hint: 'Name the places of all tablespaces in a file and give it with --restore-spec.',
    });
  };
  return {
    file(path) {
      const action = stage.accept(path);
      if (action !== 'leave') assertMapped(path);
      return { action };
    },
    takes(path) {
      // Every backup of a chain has all directories that it knows; what the newest one has none for is gone.
      if (!isNewest) return false;
      assertMapped(path);
      stage.see(path);
      return true;
    },
    finish: () => undefined,
  };
};

const damaged = (message: string): PipelineError =>
  new PipelineError('backup-damaged', {
    message,
    hint: 'The backup is not whole any more; restore another one ("walwarden backup-list").',
  });

/** The parts that the archive has: nobody but we kept a list of them. */
async function* listedParts(
  archive: Archive,
  backup: Backup,
  isNewest: boolean,
  members: PartMembers,
): AsyncGenerator<PartToRestore> {
  const parts: PartToRestore[] = [];
  const prefix = tarPartitionsPrefix(backup.name);
  for await (const entry of archive.store.list(prefix, { signal: archive.signal })) {
    if ('folder' in entry) continue;
    const object = parseKey(entry.key);
    if (object.kind !== 'part') throw damaged(`${entry.key} is no part of a base backup`);
    const { partName, codec } = object;
    // pg_control and backup_label count only in the backup that is wanted.
    if (isNewest || partName.startsWith('part_')) {
      parts.push({ key: entry.key, partName, codec, object: undefined, members });
    }
  }
  if (parts.length === 0) throw damaged(`${backup.name} has no parts any more`);
  if (backup.sentinel.writtenBy === 'wal-e') assertConsecutive(backup, parts);
  yield* parts;
}

/** WAL-E numbers its parts without holes; WAL-G's numbers may have some. */
const assertConsecutive = (backup: Backup, parts: readonly PartToRestore[]): void => {
  for (const [index, { partName }] of parts.entries()) {
    if (Number(partName.slice('part_'.length)) === index) continue;
    throw damaged(`part ${index} of ${backup.name} is missing from the archive`);
  }
};
