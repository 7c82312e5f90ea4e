import { parseBackupLabel } from '../../lib/core/backup/backup-label.ts';
import type { BackupSummary } from '../../lib/core/backup/backup-summary.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import { formatLsn } from '../../lib/core/wal/lsn.ts';
import type { Archive } from '../archive/archive.ts';
import { ensureClaimed } from '../archive/claim.ts';
import type { PostgresSession, StoppedBackup } from '../host/postgres.ts';
import type { ProgressFactory } from '../host/progress.ts';
import { agentVersion } from '../version.ts';
import { commitBackup } from './backup-commit.ts';
import { assertBackupIsPossible, type BackupStart, startBackup } from './backup-start.ts';
import { type BackupRun, type CopiedTotals, copyCluster, storeLabel } from './cluster-copy.ts';
import { clusterTablespaces } from './cluster-files.ts';
import { beginManifest } from './manifest-writer.ts';
import { clusterPages, type DamagedPage, noPages } from './page-check.ts';
import { waitForWal } from './wal-wait.ts';

export type BackupRequest = {
  /** `undefined` means what the server says. */
  readonly dataDirectory: string | undefined;
  readonly jobs: number;
  readonly partBytes: number;
  readonly isPermanent: boolean;
  /** Kept in the sentinel for whoever asks. */
  readonly userData: string | undefined;
  readonly walWaitSeconds: number;
  readonly progress: ProgressFactory;
};

/**
 * Takes a base backup. It exists from the moment its sentinel does, and that is written last: after every part, the
 * manifest, and the proof that all WAL from start to stop lies in the archive. Whatever ends it earlier (a lost
 * connection, an abort, a crash) leaves objects that no reader takes for a backup.
 *
 * @throws any of the codes 'postgres-…', 'timeline-changed', 'backup-wal-missing', 'file-unreadable', 'store-…'
 */
export const pushBackup = async (
  archive: Archive,
  session: PostgresSession,
  request: BackupRequest,
): Promise<BackupSummary> => {
  const server = await session.facts();
  const dataDirectory = request.dataDirectory ?? server.dataDirectory;
  await assertBackupIsPossible(server, dataDirectory);
  await ensureClaimed(archive, server);
  const start = await startBackup(archive, session, server, dataDirectory);
  const { backupName } = start;
  archive.log.info('backup-push', {
    state: 'begin',
    backup: backupName,
    startLsn: formatLsn(start.startLsn),
  });

  const run = await beginRun(archive, session, start);
  try {
    const copied = await copyCluster(run, { ...request, totalBytes: await session.clusterBytes() });
    const stopped = await session.stopBackup().catch(async (error: unknown) => {
      throw (await isPromoted(session, start)) ? promoted(error) : error;
    });
    await assertSameTimeline(session, start, stopped);
    const totals = plus(copied, await storeLabel(run, stopped));
    await waitForWal(
      archive,
      { ...start, stopLsn: stopped.stopLsn, segmentBytes: server.segmentBytes },
      {
        seconds: request.walWaitSeconds,
        signal: run.signal,
        isStandby: server.isStandby,
        archiverState: () => session.archiverState(),
      },
    );
    return await finishBackup(run, stopped, totals, request);
  } catch (error) {
    await run.manifest.abandon(error);
    archive.log.warn('backup-push', { state: 'fail', backup: backupName }, 'the backup does not exist');
    throw error;
  }
};

const beginRun = async (
  archive: Archive,
  session: PostgresSession,
  start: BackupStart,
): Promise<BackupRun> => {
  const { server } = start;
  const signal = AbortSignal.any([archive.signal, session.lost]);
  const tablespaces = await clusterTablespaces(start.dataDirectory);
  const onDamage = ({ path, blockNumber }: DamagedPage): void =>
    archive.log.error('backup-push', { state: 'damaged', path, block: blockNumber }, 'wrong page checksum');
  const header = {
    kind: 'backup',
    version: 1,
    name: start.backupName,
    systemIdentifier: server.systemIdentifier,
    segmentBytes: server.segmentBytes,
    pgVersion: server.pgVersion,
    startLsn: start.startLsn,
    startTimelineId: start.timelineId,
    startedAt: start.startedAt,
    tablespaces: tablespaces.tablespaces,
    memberStyle: 'leading-slash',
  } as const;
  return {
    archive,
    start,
    tablespaces,
    pages: server.hasChecksums ? clusterPages(start.startLsn, onDamage) : noPages,
    manifest: beginManifest(archive, header, { signal }),
    signal,
  };
};

const finishBackup = async (
  run: BackupRun,
  { stopLsn }: StoppedBackup,
  totals: CopiedTotals,
  request: BackupRequest,
): Promise<BackupSummary> => {
  const { archive, start, manifest, pages, signal } = run;
  const { server, timelineId } = start;
  const { tarBytes, ...counts } = totals;
  const { sha256: manifestSha256 } = await manifest.finish({
    kind: 'end',
    stopLsn,
    stopTimelineId: timelineId,
    parts: totals.parts,
    files: totals.files,
    bytes: totals.fileBytes,
  });
  const summary: BackupSummary = {
    backupName: start.backupName,
    startedAt: start.startedAt,
    finishedAt: archive.clock.now(),
    startLsn: start.startLsn,
    stopLsn,
    timelineId,
    segmentBytes: server.segmentBytes,
    systemIdentifier: server.systemIdentifier,
    pgVersion: server.pgVersion,
    from: server.isStandby ? 'standby' : 'primary',
    ...counts,
    manifestSha256,
    damagedPages: server.hasChecksums ? pages.damagedPages() : undefined,
    agentVersion,
  };
  const { isPermanent, userData } = request;
  const { dataDirectory } = start;
  await commitBackup(
    archive,
    summary,
    { dataDirectory, tablespaces: run.tablespaces, isPermanent, userData, tarBytes },
    signal,
  );
  archive.log.info('backup-push', {
    state: 'complete',
    backup: summary.backupName,
    stopLsn: formatLsn(stopLsn),
    files: totals.files,
    bytes: totals.fileBytes,
    objectBytes: totals.objectBytes,
    seconds: (summary.finishedAt.getTime() - start.startedAt.getTime()) / 1000,
  });
  return summary;
};

/**
 * A standby that follows its primary over to a new timeline while it is being copied has files of both.
 *
 * @throws 'timeline-changed'
 */
const assertSameTimeline = async (
  session: PostgresSession,
  { server, timelineId }: BackupStart,
  stopped: StoppedBackup,
): Promise<void> => {
  const labelled = parseBackupLabel(stopped.backupLabel).startTimelineId;
  const ended = server.isStandby ? await session.replayedTimeline() : timelineId;
  if (labelled === timelineId && ended === timelineId) return;
  throw new PipelineError('timeline-changed', {
    message: `the backup began on timeline ${timelineId} and ended on timeline ${Math.max(labelled, ended)}`,
    hint: 'A promotion happened meanwhile. Nothing is wrong with the cluster: take the backup again.',
  });
};

/** PostgreSQL's refusal to end the backup of a standby that was promoted has no code of its own, so it is asked. */
const isPromoted = async (session: PostgresSession, { server }: BackupStart): Promise<boolean> =>
  server.isStandby && !(await session.isInRecovery().catch(() => true));

const promoted = (cause: unknown): PipelineError =>
  new PipelineError('timeline-changed', {
    message: 'the standby was promoted while it was backed up',
    hint: 'Nothing is wrong with the cluster after the promotion: take the backup again.',
    cause,
  });

const plus = (left: CopiedTotals, right: CopiedTotals): CopiedTotals => ({
  parts: left.parts + right.parts,
  files: left.files + right.files,
  fileBytes: left.fileBytes + right.fileBytes,
  tarBytes: left.tarBytes + right.tarBytes,
  objectBytes: left.objectBytes + right.objectBytes,
});
