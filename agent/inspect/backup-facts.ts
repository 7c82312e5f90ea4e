import { parseBackupName } from '../../lib/core/archive/backup-name.ts';
import type { BackupFacts } from '../../lib/core/recovery/archive-facts.ts';
import type { IncompleteBackup } from '../../lib/core/retention/plan.ts';
import { parseSegmentName, parseTimelineId, type SegmentBytes } from '../../lib/core/wal/segment.ts';
import { type Backup, isPermanent } from '../backup/backups.ts';
import type { ArchiveScan } from './scan.ts';

/** What continuity needs to know of a backup; a backup that does not say it is a problem. */
export const backupFactsOf = (backup: Backup, problems: string[]): readonly BackupFacts[] => {
  const { name, sentinel, metadata, summary } = backup;
  const startLsn = sentinel.startLsn ?? metadata?.startLsn;
  const stopLsn = sentinel.stopLsn ?? metadata?.stopLsn;
  const segmentName = parseBackupName(name)?.segmentName ?? '';
  if (startLsn === undefined || stopLsn === undefined || stopLsn <= startLsn) {
    problems.push(`the sentinel of ${name} does not say where in the WAL the backup starts and stops`);
    return [];
  }
  return [
    {
      name,
      timelineId: summary?.timelineId ?? parseTimelineId(Number.parseInt(segmentName.slice(0, 8), 16)),
      startLsn,
      stopLsn,
      startedAt: sentinel.startedAt,
      finishedAt: sentinel.finishedAt,
      isPermanent: isPermanent(backup),
      deltaFrom: sentinel.delta?.from,
    },
  ];
};

/** Backups without a sentinel, by their names: those of which somebody is deleting the rest are none. */
export const incompleteBackups = (
  scan: ArchiveScan,
  segmentBytes: SegmentBytes,
): readonly IncompleteBackup[] =>
  [...scan.backups].flatMap(([name, { sentinel, isBeingDeleted, lastWrittenAt }]) => {
    if (sentinel !== undefined || isBeingDeleted) return [];
    const segment = parseSegmentName(parseBackupName(name)?.segmentName ?? '', segmentBytes);
    if (segment === undefined) return [];
    return [{ name, timelineId: segment.timelineId, firstSegment: segment.number, lastWrittenAt }];
  });
