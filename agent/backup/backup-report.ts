import type { JsonObject } from '../../lib/core/json.ts';
import { formatLsn } from '../../lib/core/wal/lsn.ts';
import { formatSystemIdentifier } from '../../lib/core/wal/system-identifier.ts';
import { formatBytes, formatDuration, formatTable } from '../host/output.ts';
import { type Backup, isPermanent } from './backups.ts';

const takenBy = ({ summary, sentinel }: Backup): string =>
  summary === undefined ? sentinel.writtenBy : 'walwarden';

/** Everything known of a backup, under stable names, for programs. What is not known is left out. */
export const backupFacts = (backup: Backup): JsonObject => {
  const { sentinel, summary, metadata } = backup;
  const facts = {
    name: backup.name,
    taken_by: takenBy(backup),
    started_at: sentinel.startedAt?.toISOString(),
    finished_at: sentinel.finishedAt?.toISOString(),
    // Only where the backup itself says no times: a copied archive has the times of the copy.
    stored_at: sentinel.startedAt === undefined ? backup.storedAt.toISOString() : undefined,
    start_lsn: sentinel.startLsn === undefined ? undefined : formatLsn(sentinel.startLsn),
    stop_lsn: sentinel.stopLsn === undefined ? undefined : formatLsn(sentinel.stopLsn),
    timeline: summary?.timelineId,
    system_identifier:
      sentinel.systemIdentifier === undefined ? undefined : formatSystemIdentifier(sentinel.systemIdentifier),
    pg_version: sentinel.pgVersion,
    backup_from: summary?.from,
    hostname: sentinel.hostname,
    data_directory: sentinel.dataDirectory,
    is_permanent: isPermanent(backup),
    delta_from: sentinel.delta?.from,
    delta_full: sentinel.delta?.fullName,
    delta_count: sentinel.delta?.count,
    parts: summary?.parts,
    files: summary?.files,
    file_bytes: summary?.fileBytes ?? sentinel.uncompressedBytes,
    object_bytes: summary?.objectBytes ?? sentinel.compressedBytes,
    damaged_pages: summary?.damagedPages,
    tablespaces: sentinel.tablespaces?.tablespaces.map(({ oid, location }) => ({ oid, location })),
    user_data: metadata?.userData ?? sentinel.userData,
  };
  return Object.fromEntries(
    Object.entries(facts).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
};

const timeText = (time: Date | undefined): string =>
  time === undefined ? '-' : `${time.toISOString().slice(0, 19).replace('T', ' ')}Z`;

const bytesText = (bytes: number | undefined): string => (bytes === undefined ? '-' : formatBytes(bytes));

const marksOf = (backup: Backup): string => {
  const damagedPages = backup.summary?.damagedPages ?? 0;
  return [
    ...(isPermanent(backup) ? ['permanent'] : []),
    ...(backup.summary === undefined ? [`by ${takenBy(backup)}`] : []),
    ...(backup.sentinel.delta === undefined ? [] : [`delta of ${backup.sentinel.delta.from}`]),
    ...(damagedPages > 0 ? [`${damagedPages} damaged pages`] : []),
  ].join(', ');
};

export const backupTable = (backups: readonly Backup[]): string =>
  formatTable(
    [
      { heading: 'name' },
      { heading: 'started' },
      { heading: 'took', align: 'right' },
      { heading: 'start LSN' },
      { heading: 'stop LSN' },
      { heading: 'data', align: 'right' },
      { heading: 'stored', align: 'right' },
      { heading: 'marks' },
    ],
    backups.map((backup) => {
      const { startedAt, finishedAt, startLsn, stopLsn } = backup.sentinel;
      const isTimed = startedAt !== undefined && finishedAt !== undefined;
      return [
        backup.name,
        startedAt === undefined ? `stored ${timeText(backup.storedAt)}` : timeText(startedAt),
        isTimed ? formatDuration((finishedAt.getTime() - startedAt.getTime()) / 1000) : '-',
        startLsn === undefined ? '-' : formatLsn(startLsn),
        stopLsn === undefined ? '-' : formatLsn(stopLsn),
        bytesText(backup.summary?.fileBytes ?? backup.sentinel.uncompressedBytes),
        bytesText(backup.summary?.objectBytes ?? backup.sentinel.compressedBytes),
        marksOf(backup),
      ];
    }),
  );

/** One fact a line. */
export const backupText = (backup: Backup): string => {
  const facts = Object.entries(backupFacts(backup)).map(([name, value]): readonly [string, string] => [
    name.replaceAll('_', ' '),
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
};
