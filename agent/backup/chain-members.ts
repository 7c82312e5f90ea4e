import type { ListedFile } from '../../lib/core/backup/files-metadata.ts';
import { memberPathOf } from '../../lib/core/backup/member-path.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import type { Archive } from '../archive/archive.ts';
import type { Backup } from './backups.ts';
import { listedFiles } from './listed-files.ts';
import { type MemberMarks, type MemberTable, memberMarks, memberTable } from './member-table.ts';

/** What to do with a member: write the file, apply the increment to the file that is there, or leave it in the tar. */
export type MemberAction = 'write' | 'apply' | 'leave';

/** The members of one backup of a chain, as its list of files has them. */
export type StageMembers = {
  /** @throws 'object-damaged' for a member that was there before */
  accept(path: string): MemberAction;
  /** For what is listed like a file and is a directory or a link: it is there. */
  see(path: string): void;
  /** To be called after the last part. @throws 'backup-damaged' naming a file that was in none of them */
  finish(): Promise<void>;
};

/** WAL-G does not list these, and they count only in the backup that is wanted itself. */
const unlisted: ReadonlySet<string> = new Set(['global/pg_control', 'backup_label', 'tablespace_map']);

const [writeMark, applyMark, seenMark] = [1, 2, 4];

const damaged = (message: string): PipelineError =>
  new PipelineError('backup-damaged', {
    message,
    hint: 'The backup cannot be restored whole; restore another one ("walwarden backup-list").',
  });

type Chain = {
  readonly archive: Archive;
  /** The full backup first. */
  readonly backups: readonly Backup[];
  readonly newest: number;
  /** The files of the newest backup; what it does not list is gone. */
  readonly files: MemberTable;
  /** The backup that has the file whole, counted from 1; 0 while that is unknown. */
  readonly wholeIn: MemberMarks;
  /** What each file must be in the newest backup. */
  readonly ofNewest: MemberMarks;
};

/**
 * Decides member by member what a chain of WAL-G's backups makes of a file: it begins in the newest backup that has it
 * whole, and later ones may hold increments to it. Memory holds a few bytes for each file of the newest backup
 * (member-table.ts), however long the chain is.
 *
 * @param backups the full backup first
 * @returns the members of the backup at that place in the chain
 * @throws 'backup-damaged' for a file that a backup takes from below and nothing below has
 */
export const chainMembers = async (
  archive: Archive,
  backups: readonly Backup[],
): Promise<(level: number) => Promise<StageMembers>> => {
  const chain: Chain = {
    archive,
    backups,
    newest: backups.length - 1,
    files: memberTable(),
    wholeIn: memberMarks(),
    ofNewest: memberMarks(),
  };
  let pending = await listNewest(chain);
  for (let level = chain.newest - 1; level >= 0 && pending > 0; level -= 1) {
    pending -= await findBelow(chain, level, pending);
  }
  if (pending > 0) {
    const name = await firstPath(chain, chain.newest, (number) => chain.wholeIn.get(number) === 0);
    throw damaged(`${name} is whole in no backup of the chain that ${backups[0]?.name} begins`);
  }
  return async (level) => {
    if (chain.files.size() > 0) return membersAt(chain, level, await expectedAt(chain, level));
    if (backups.length > 1) throw damaged(`${backups.at(-1)?.name} is a delta without a list of its files`);
    archive.log.warn(
      'backup-fetch',
      { state: 'note', backup: backups[0]?.name },
      'the backup has no list of its files, so nobody can tell whether a part is missing',
    );
    return everything;
  };
};

/** Without a list everything is taken. */
const everything: StageMembers = {
  accept: () => 'write',
  see: () => undefined,
  finish: async () => undefined,
};

/** @returns how many files are not whole in the newest backup */
const listNewest = async (chain: Chain): Promise<number> => {
  let pending = 0;
  for await (const { path, file } of pathsOf(chain, chain.newest)) {
    const number = chain.files.add(path);
    if (number === undefined) throw damaged(`${chain.backups[chain.newest]?.name} lists ${path} twice`);
    if (isWhole(file)) chain.wholeIn.set(number, chain.newest + 1);
    else pending += 1;
    chain.ofNewest.set(number, markOf(file));
  }
  return pending;
};

/** @returns how many of the pending files the backup at `level` has whole */
const findBelow = async (chain: Chain, level: number, pending: number): Promise<number> => {
  const touched = memberMarks();
  let found = 0;
  let whole = 0;
  for await (const { path, file } of pathsOf(chain, level)) {
    const number = chain.files.find(path);
    if (number === undefined || chain.wholeIn.get(number) !== 0 || touched.get(number) !== 0) continue;
    touched.set(number, 1);
    found += 1;
    if (isWhole(file)) whole += 1;
    if (isWhole(file)) chain.wholeIn.set(number, level + 1);
  }
  if (found === pending) return whole;
  const name = await firstPath(
    chain,
    chain.newest,
    (number) => chain.wholeIn.get(number) === 0 && touched.get(number) === 0,
  );
  throw damaged(`${name} should come from ${chain.backups[level]?.name}, which does not list it`);
};

const expectedAt = async (chain: Chain, level: number): Promise<MemberMarks> => {
  if (level === chain.newest) return chain.ofNewest;
  const expected = memberMarks();
  for await (const { path, file } of pathsOf(chain, level)) {
    const number = chain.files.find(path);
    if (number === undefined) continue;
    const whole = chain.wholeIn.get(number) - 1;
    if (whole === level || (whole < level && file.isIncremented)) expected.set(number, markOf(file));
  }
  return expected;
};

const membersAt = (chain: Chain, level: number, expected: MemberMarks): StageMembers => ({
  accept(path) {
    if (unlisted.has(path)) return level === chain.newest ? 'write' : 'leave';
    const number = chain.files.find(path);
    const mark = number === undefined ? 0 : expected.get(number);
    if (number === undefined || mark === 0) return 'leave';
    if ((mark & seenMark) !== 0) {
      throw new PipelineError('object-damaged', { message: `${path} is in the backup twice` });
    }
    expected.set(number, mark | seenMark);
    return mark === writeMark ? 'write' : 'apply';
  },
  see(path) {
    const number = chain.files.find(path);
    if (number !== undefined) expected.set(number, expected.get(number) | seenMark);
  },
  async finish() {
    for (let number = 0; number < chain.files.size(); number += 1) {
      const mark = expected.get(number);
      if (mark === 0 || (mark & seenMark) !== 0) continue;
      const name = await firstPath(chain, level, (candidate) => candidate === number);
      throw damaged(`no part of ${chain.backups[level]?.name} holds ${name}, which it lists`);
    }
  },
});

const isWhole = (file: ListedFile): boolean => !file.isIncremented && !file.isSkipped;

const markOf = (file: ListedFile): number => {
  if (file.isSkipped) return 0;
  return file.isIncremented ? applyMark : writeMark;
};

async function* pathsOf(
  { archive, backups }: Chain,
  level: number,
): AsyncGenerator<{ readonly path: string; readonly file: ListedFile }> {
  const backup = backups[level];
  if (backup === undefined || backup.sentinel.filesMetadataDisabled) return;
  for await (const file of listedFiles(archive, backup.name)) {
    const path = memberPathOf(file.name);
    if (path !== '' && !unlisted.has(path)) yield { path, file };
  }
}

/** Finds a file's name for an error: only hashes of names are kept, so the list is read once more. */
const firstPath = async (
  chain: Chain,
  level: number,
  isMeant: (number: number) => boolean,
): Promise<string> => {
  for await (const { path } of pathsOf(chain, level)) {
    const number = chain.files.find(path);
    if (number !== undefined && isMeant(number)) return path;
  }
  return 'a file';
};
