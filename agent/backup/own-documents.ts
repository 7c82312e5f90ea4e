import { backupStartedKey, backupSummaryKey, sentinelKey } from '../../lib/core/archive/layout.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import type { Archive } from '../archive/archive.ts';
import type { Backup } from './backups.ts';

const damaged = (message: string): PipelineError =>
  new PipelineError('backup-damaged', {
    message,
    hint: 'An object of the backup was lost, damaged or swapped. Restore another base backup, and keep this one for a look.',
  });

/**
 * Holds the small documents of a base backup against each other. One of our own without its summary, and with it without
 * its manifest, must not be taken for one of WAL-G's, whose parts nobody can count.
 *
 * @throws 'backup-damaged'
 */
export const assertDocumentsAgree = async (
  archive: Archive,
  { name, sentinel, summary }: Backup,
): Promise<void> => {
  if (summary === undefined) {
    const started = await archive.store.stat(backupStartedKey(name), { signal: archive.signal });
    if (started === undefined) return;
    throw damaged(`${backupSummaryKey(name)} is missing, though walwarden took this backup`);
  }
  if (summary.backupName !== name) {
    throw damaged(`${backupSummaryKey(name)} describes base backup ${summary.backupName}`);
  }
  const isAgreed =
    sentinel.startLsn === summary.startLsn &&
    sentinel.stopLsn === summary.stopLsn &&
    sentinel.systemIdentifier === summary.systemIdentifier &&
    sentinel.startedAt?.getTime() === summary.startedAt.getTime();
  if (!isAgreed)
    throw damaged(`${sentinelKey(name)} and ${backupSummaryKey(name)} describe different backups`);
};
