import { PipelineError } from '../errors.ts';
import type { Lsn } from '../wal/lsn.ts';

/** What choosing a backup needs to know of it. `isComplete`: its sentinel is there. */
export type SelectableBackup = {
  readonly name: string;
  readonly isComplete: boolean;
  /** Unknown for WAL-E's backups, which say no times. */
  readonly startedAt?: Date | undefined;
  readonly startLsn?: Lsn | undefined;
};

const shownNames = 5;

const byStart = (one: SelectableBackup, other: SelectableBackup): number => {
  const byTime = (one.startedAt?.getTime() ?? -Infinity) - (other.startedAt?.getTime() ?? -Infinity);
  // NaN where both are unknown.
  if (byTime !== 0 && !Number.isNaN(byTime)) return byTime;
  const [lsn, otherLsn] = [one.startLsn ?? -1n, other.startLsn ?? -1n];
  return lsn < otherLsn ? -1 : lsn > otherLsn ? 1 : 0;
};

/**
 * The complete backup that started last; of those that started at one moment, or at none that is known, the one with
 * the highest start LSN. Never by when its objects were written: a copied archive has the copy's times. A backup whose
 * time is unknown is older than any other, because WAL-E came before everything that says times.
 */
export const latestBackup = <Backup extends SelectableBackup>(
  backups: readonly Backup[],
): Backup | undefined =>
  backups
    .filter(({ isComplete }) => isComplete)
    .reduce<Backup | undefined>(
      (latest, backup) => (latest === undefined || byStart(backup, latest) > 0 ? backup : latest),
      undefined,
    );

const listNames = (backups: readonly SelectableBackup[]): string => {
  const names = backups.toSorted((one, other) => byStart(other, one)).map(({ name }) => name);
  const rest = names.length - shownNames;
  return `${names.slice(0, shownNames).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
};

const hintFor = (complete: readonly SelectableBackup[]): string =>
  complete.length === 0
    ? 'The archive holds no complete base backup; "walwarden backup-push" makes one.'
    : `Complete backups, newest first: ${listNames(complete)}.`;

/**
 * Finds the backup that a person means: 'LATEST', a full name, or the begin of a name that only one complete backup has.
 *
 * @throws 'backup-absent' with what there is; also when the begin fits several, or the named one is not complete
 */
export const findBackup = <Backup extends SelectableBackup>(
  backups: readonly Backup[],
  text: string,
): Backup => {
  const complete = backups.filter(({ isComplete }) => isComplete);
  const absent = (message: string, hint = hintFor(complete)): PipelineError =>
    new PipelineError('backup-absent', { message, hint });
  if (text === 'LATEST') {
    const latest = latestBackup(complete);
    if (latest === undefined) throw absent('there is no complete base backup');
    return latest;
  }
  const named = backups.find(({ name }) => name === text);
  if (named?.isComplete === true) return named;
  if (named !== undefined) throw absent(`base backup ${text} is not complete: its sentinel is missing`);
  const fitting = text === '' ? [] : complete.filter(({ name }) => name.startsWith(text));
  const [only] = fitting;
  if (only === undefined)
    throw absent(`there is no complete base backup ${JSON.stringify(text.slice(0, 120))}`);
  if (fitting.length > 1) {
    throw absent(
      `${JSON.stringify(text.slice(0, 120))} fits ${fitting.length} base backups`,
      `Say which one: ${listNames(fitting)}.`,
    );
  }
  return only;
};
