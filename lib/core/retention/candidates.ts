import type { BackupFacts } from '../recovery/archive-facts.ts';
import { compareBackups } from '../recovery/continuity.ts';
import type { RetainedArchive } from './plan.ts';

/** A backup in the order in which retention counts. */
export type Candidate = {
  readonly incarnation: number;
  readonly backup: BackupFacts;
  /** All its WAL is there, and all backups that it stands on: what counts when backups are counted. */
  readonly isRestorable: boolean;
  /** What it stands on, the nearest first; empty for a full one. */
  readonly bases: readonly BackupFacts[];
  readonly isFull: boolean;
};

const basesOf = (backup: BackupFacts, byName: ReadonlyMap<string, BackupFacts>) => {
  const bases: BackupFacts[] = [];
  for (let child = backup; child.deltaFrom !== undefined; ) {
    const parent = byName.get(child.deltaFrom);
    if (parent === undefined || parent === backup || bases.includes(parent)) {
      return { bases, isWhole: false };
    }
    bases.push(parent);
    child = parent;
  }
  return { bases, isWhole: true };
};

/** Every backup of the archive, oldest first: by incarnation and time, never by name. */
export const candidatesOf = ({ incarnations }: RetainedArchive): readonly Candidate[] =>
  incarnations.flatMap(({ facts, continuity }) => {
    const byName = new Map(facts.backups.map((backup) => [backup.name, backup]));
    return continuity.backups
      .toSorted((one, other) => compareBackups(one.backup, other.backup))
      .map(({ backup, state }): Candidate => {
        const { bases, isWhole } = basesOf(backup, byName);
        return {
          incarnation: facts.number,
          backup,
          isRestorable: state === 'complete' && isWhole,
          bases,
          isFull: backup.deltaFrom === undefined,
        };
      });
  });
