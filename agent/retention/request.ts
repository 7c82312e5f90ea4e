import { findBackup } from '../../lib/core/backup/backup-selection.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import type { BackupPlace, RetentionRequest } from '../../lib/core/retention/policy.ts';
import type { Backup } from '../backup/backups.ts';

/** What stands behind `delete` on the command line. */
export type DeleteWords = { readonly words: readonly string[]; readonly after: string | undefined };

const wrong = (message: string): PipelineError =>
  new PipelineError('usage-wrong', {
    message: `delete: ${message}`,
    hint:
      'Usage: walwarden delete retain [FULL|FIND_FULL] N [--after NAME|TIME] | before [FIND_FULL] NAME|TIME | ' +
      'target [FIND_FULL] NAME | everything [FORCE], and --confirm to really delete.',
  });

const isoTime = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?$/;

/** A time with a zone; without one it is UTC, as every time in an archive is. */
const timeIn = (text: string): Date | undefined => {
  if (!isoTime.test(text)) return undefined;
  const [date = '', clock = '00:00:00Z'] = text.split(/[T ]/);
  const hasZone = /(?:Z|[+-]\d\d(?::?\d\d)?)$/.test(clock);
  // JavaScript wants minutes in every zone.
  const time = new Date(`${date}T${hasZone ? clock.replace(/[+-]\d\d$/, '$&:00') : `${clock}Z`}`);
  if (Number.isNaN(time.getTime())) throw wrong(`there is no time ${JSON.stringify(text)}`);
  return time;
};

const placeIn = (text: string, backups: readonly Backup[]): BackupPlace => {
  const time = timeIn(text);
  return time === undefined
    ? { kind: 'backup', name: findBackup(backups, text).name }
    : { kind: 'time', time };
};

const takeModifier = (
  words: readonly string[],
  modifiers: readonly string[],
): { readonly modifier: string | undefined; readonly rest: readonly string[] } => {
  const [first] = words;
  return first !== undefined && modifiers.includes(first)
    ? { modifier: first, rest: words.slice(1) }
    : { modifier: undefined, rest: words };
};

const only = (words: readonly string[], what: string): string => {
  const [word, surplus] = words;
  if (word === undefined) throw wrong(`${what} is missing`);
  if (surplus !== undefined) throw wrong(`there is no place for ${JSON.stringify(surplus)}`);
  return word;
};

/**
 * Reads what WAL-G's and WAL-E's users type. Where ours means something safer it is because of the core: backups are in
 * the order of time and not of their names, only those that can be restored are counted, and no base or WAL of a kept
 * backup goes, so that FIND_FULL changes nothing for `retain` and `before` and nothing ever asks for it.
 *
 * @throws 'usage-wrong', 'backup-absent' for a backup that is not there
 */
export const parseDelete = (
  { words: [action, ...words], after }: DeleteWords,
  backups: readonly Backup[],
): RetentionRequest => {
  if (after !== undefined && action !== 'retain') throw wrong('--after belongs to "delete retain"');
  switch (action) {
    case 'retain': {
      const { modifier, rest } = takeModifier(words, ['FULL', 'FIND_FULL']);
      const text = only(rest, 'the number of backups');
      const count = Number(text);
      if (!/^[1-9][0-9]{0,5}$/.test(text)) throw wrong(`${JSON.stringify(text)} is no number from 1 on`);
      const from = after === undefined ? undefined : placeIn(after, backups);
      const counted = modifier === 'FULL' ? 'full' : 'all';
      return { kind: 'retain', policy: { newest: { count, counted }, from } };
    }
    case 'before': {
      const { rest } = takeModifier(words, ['FIND_FULL']);
      return { kind: 'retain', policy: { from: placeIn(only(rest, 'the backup or the time'), backups) } };
    }
    case 'target': {
      const { modifier, rest } = takeModifier(words, ['FIND_FULL']);
      const { name } = findBackup(backups, only(rest, 'the backup'));
      return { kind: 'target', name, withFull: modifier !== undefined };
    }
    case 'everything': {
      const { modifier, rest } = takeModifier(words, ['FORCE']);
      if (rest[0] !== undefined) throw wrong(`there is no place for ${JSON.stringify(rest[0])}`);
      return { kind: 'everything', isForced: modifier !== undefined };
    }
    default:
      throw wrong(`there is nothing called ${JSON.stringify(action)} to delete`);
  }
};
