import { hostname } from 'node:os';
import { backupNameOf } from '../../lib/core/archive/backup-name.ts';
import { backupStartedKey, backupsPrefix, sentinelKey } from '../../lib/core/archive/layout.ts';
import { formatBackupStarted } from '../../lib/core/backup/backup-summary.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import type { Lsn } from '../../lib/core/wal/lsn.ts';
import { offsetInSegment, segmentOfLsn, type TimelineId } from '../../lib/core/wal/segment.ts';
import { formatSystemIdentifier } from '../../lib/core/wal/system-identifier.ts';
import type { Archive } from '../archive/archive.ts';
import { readControlFile } from '../host/control-file.ts';
import type { PostgresSession, ServerFacts } from '../host/postgres.ts';

/** What a running base backup knows from its begin. */
export type BackupStart = {
  readonly backupName: string;
  readonly startedAt: Date;
  readonly startLsn: Lsn;
  readonly timelineId: TimelineId;
  readonly server: ServerFacts;
  readonly dataDirectory: string;
};

/** Begins the backup in PostgreSQL and takes a name for it in the archive. */
export const startBackup = async (
  archive: Archive,
  session: PostgresSession,
  server: ServerFacts,
  dataDirectory: string,
): Promise<BackupStart> => {
  const startedAt = archive.clock.now();
  const startLsn = await session.startBackup(`walwarden ${startedAt.toISOString()}`);
  const timelineId = await session.checkpointTimeline();
  const unnamed = { startedAt, startLsn, timelineId, server, dataDirectory };
  return { backupName: await takeName(archive, unnamed), ...unnamed };
};

/** Refuses before PostgreSQL is bothered what could only fail after hours. */
export const assertBackupIsPossible = async (server: ServerFacts, dataDirectory: string): Promise<void> => {
  if (!server.isStandby && server.archiveMode === 'off') {
    throw new PipelineError('postgres-misconfigured', {
      message: 'archive_mode is off, so no WAL of this cluster reaches the archive',
      hint: 'A base backup is worth nothing without its WAL. Set archive_mode = on and archive_command = \'walwarden wal-push "%p"\', and restart PostgreSQL.',
    });
  }
  const { systemIdentifier } = await readControlFile(dataDirectory);
  if (systemIdentifier === server.systemIdentifier) return;
  throw new PipelineError('postgres-misconfigured', {
    message:
      `${dataDirectory} belongs to the cluster ${formatSystemIdentifier(systemIdentifier)}, ` +
      `but the server is ${formatSystemIdentifier(server.systemIdentifier)}`,
    hint: `Its data directory is ${server.dataDirectory}. Check PGHOST and PGPORT, or leave the directory out.`,
  });
};

/** Beyond this many backups from one place in the WAL something is wrong with the clock or with cron. */
const maxNamesPerStart = 1000;

/**
 * Two backups can begin in one segment (on a standby even at the same place, its last restart point), and nothing may
 * be overwritten: who creates the first object has the name, and the next one appends the offset in the segment, or the
 * first free number after it. Names are labels; order among backups comes from their start times and LSNs.
 */
const takeName = async (archive: Archive, start: Omit<BackupStart, 'backupName'>): Promise<string> => {
  const segment = segmentOfLsn(start.timelineId, start.startLsn, start.server.segmentBytes);
  const offset = offsetInSegment(start.startLsn, start.server.segmentBytes);
  for (let number = 0; number < maxNamesPerStart; number += 1) {
    const backupName = number === 0 ? backupNameOf(segment) : backupNameOf(segment, offset + number - 1);
    const text = formatBackupStarted({
      backupName,
      startedAt: start.startedAt,
      startLsn: start.startLsn,
      timelineId: start.timelineId,
      systemIdentifier: start.server.systemIdentifier,
      hostname: hostname(),
      pid: process.pid,
    });
    if (await isTakenByOthers(archive, backupName)) continue;
    const key = backupStartedKey(backupName);
    const outcome = await archive.store.create(key, Buffer.from(text), { signal: archive.signal });
    if (outcome === 'created') return backupName;
  }
  throw new PipelineError('object-exists', {
    message: `${maxNamesPerStart} base backups begin in ${segment.name}`,
    hint: 'Look at what calls backup-push, and at "walwarden backup-list".',
  });
};

/** A backup that WAL-G took under this name has no object of ours to collide with. */
const isTakenByOthers = async (archive: Archive, backupName: string): Promise<boolean> => {
  const listing = archive.store.list(`${backupsPrefix}${backupName}`, {
    signal: archive.signal,
    delimiter: '/',
  });
  for await (const entry of listing) {
    const found = 'folder' in entry ? entry.folder : entry.key;
    if (found === `${backupsPrefix}${backupName}/` || found === sentinelKey(backupName)) return true;
  }
  return false;
};
