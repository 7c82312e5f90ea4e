import { PipelineError } from '../../lib/core/errors.ts';
import { type NeededWal, neededWalFiles } from '../../lib/core/recovery/needed-wal.ts';
import { formatLsn } from '../../lib/core/wal/lsn.ts';
import type { Archive } from '../archive/archive.ts';
import { findWalFile } from '../archive/wal-objects.ts';

const pauseMs = 500;
const reminderMs = 30_000;

/**
 * Resolves when every WAL file that a base backup needs is in the archive; PostgreSQL's own wait only knows that the
 * archiver said so.
 *
 * @throws 'backup-wal-missing' after `waitSeconds`, naming the first file that is missing and what the archiver says
 */
export const waitForWal = async (
  archive: Archive,
  wal: NeededWal,
  wait: {
    readonly seconds: number;
    readonly signal: AbortSignal;
    readonly isStandby: boolean;
    readonly archiverState: () => Promise<string>;
  },
): Promise<void> => {
  const startedMs = archive.clock.now().getTime();
  let remindAtMs = startedMs + reminderMs;
  for (const name of neededWalFiles(wal)) {
    while ((await findWalFile(archive, name)) === undefined) {
      const nowMs = archive.clock.now().getTime();
      if (nowMs - startedMs >= wait.seconds * 1000) throw await missing(name, wal, wait);
      if (nowMs >= remindAtMs) {
        remindAtMs = nowMs + reminderMs;
        archive.log.warn('backup-push', { state: 'wait', file: name }, hintFor(wait.isStandby));
      }
      await archive.clock.sleep(pauseMs, wait.signal);
    }
  }
};

const missing = async (
  name: string,
  wal: NeededWal,
  wait: {
    readonly seconds: number;
    readonly isStandby: boolean;
    readonly archiverState: () => Promise<string>;
  },
): Promise<PipelineError> =>
  new PipelineError('backup-wal-missing', {
    message:
      `${name} did not reach the archive within ${wait.seconds} s; the base backup needs WAL up to ` +
      `${formatLsn(wal.stopLsn)} (archiver: ${await wait.archiverState()})`,
    hint: hintFor(wait.isStandby),
  });

const hintFor = (isStandby: boolean): string =>
  isStandby
    ? 'The primary archives this WAL. On a quiet primary run "SELECT pg_switch_wal()" there, or set archive_timeout.'
    : "Look for archive_command's errors in the server log; pg_stat_archiver shows what fails.";
