import { fieldReader, formatJson, type JsonValue, parseJson } from '../json.ts';
import { formatLsn, type Lsn, parseLsn } from '../wal/lsn.ts';
import { parseSegmentBytes, parseTimelineId, type SegmentBytes, type TimelineId } from '../wal/segment.ts';
import {
  formatSystemIdentifier,
  parseSystemIdentifier,
  type SystemIdentifier,
} from '../wal/system-identifier.ts';

/** What a base backup of our own says of itself when it begins: a backup without a sentinel is one that runs or died. */
export type BackupStarted = {
  readonly backupName: string;
  readonly startedAt: Date;
  readonly startLsn: Lsn;
  readonly timelineId: TimelineId;
  readonly systemIdentifier: SystemIdentifier;
  readonly hostname: string;
  readonly pid: number;
};

/**
 * What a finished base backup of our own says beyond WAL-G's sentinel: enough to know, without reading the manifest,
 * what it holds and what it needs. Written after the manifest and before the sentinel.
 */
export type BackupSummary = {
  readonly backupName: string;
  readonly startedAt: Date;
  readonly finishedAt: Date;
  readonly startLsn: Lsn;
  readonly stopLsn: Lsn;
  readonly timelineId: TimelineId;
  readonly segmentBytes: SegmentBytes;
  readonly systemIdentifier: SystemIdentifier;
  readonly pgVersion: number;
  readonly from: 'primary' | 'standby';
  readonly parts: number;
  readonly files: number;
  readonly fileBytes: number;
  readonly objectBytes: number;
  readonly manifestSha256: string;
  /** Pages with a wrong checksum when they were read; `undefined` when the cluster has no data checksums. */
  readonly damagedPages: number | undefined;
  readonly agentVersion: string;
};

export const formatBackupStarted = (started: BackupStarted): string =>
  document({
    version: 1,
    backup_name: started.backupName,
    started_at: started.startedAt.toISOString(),
    start_lsn: formatLsn(started.startLsn),
    timeline: started.timelineId,
    system_identifier: formatSystemIdentifier(started.systemIdentifier),
    hostname: started.hostname,
    pid: started.pid,
  });

/** @throws 'archive-document-invalid' */
export const parseBackupStarted = (text: string, what: string): BackupStarted => {
  const fields = fieldReader(parseJson(text, what), what);
  return {
    backupName: fields.string('backup_name'),
    startedAt: fields.time('started_at'),
    startLsn: parseLsn(fields.string('start_lsn')),
    timelineId: parseTimelineId(fields.integer('timeline')),
    systemIdentifier: parseSystemIdentifier(fields.string('system_identifier')),
    hostname: fields.string('hostname'),
    pid: fields.integer('pid'),
  };
};

export const formatBackupSummary = (summary: BackupSummary): string =>
  document({
    version: 1,
    backup_name: summary.backupName,
    started_at: summary.startedAt.toISOString(),
    finished_at: summary.finishedAt.toISOString(),
    start_lsn: formatLsn(summary.startLsn),
    stop_lsn: formatLsn(summary.stopLsn),
    timeline: summary.timelineId,
    wal_segment_bytes: summary.segmentBytes,
    system_identifier: formatSystemIdentifier(summary.systemIdentifier),
    pg_version: summary.pgVersion,
    backup_from: summary.from,
    parts: summary.parts,
    files: summary.files,
    file_bytes: summary.fileBytes,
    object_bytes: summary.objectBytes,
    manifest_sha256: summary.manifestSha256,
    ...(summary.damagedPages === undefined ? {} : { damaged_pages: summary.damagedPages }),
    agent_version: summary.agentVersion,
  });

/** @throws 'archive-document-invalid' */
export const parseBackupSummary = (text: string, what: string): BackupSummary => {
  const fields = fieldReader(parseJson(text, what), what);
  return {
    backupName: fields.string('backup_name'),
    startedAt: fields.time('started_at'),
    finishedAt: fields.time('finished_at'),
    startLsn: parseLsn(fields.string('start_lsn')),
    stopLsn: parseLsn(fields.string('stop_lsn')),
    timelineId: parseTimelineId(fields.integer('timeline')),
    segmentBytes: parseSegmentBytes(fields.integer('wal_segment_bytes')),
    systemIdentifier: parseSystemIdentifier(fields.string('system_identifier')),
    pgVersion: fields.integer('pg_version'),
    from: fields.string('backup_from') === 'standby' ? 'standby' : 'primary',
    parts: fields.integer('parts'),
    files: fields.integer('files'),
    fileBytes: fields.integer('file_bytes'),
    objectBytes: fields.integer('object_bytes'),
    manifestSha256: fields.string('manifest_sha256'),
    damagedPages: fields.optionalInteger('damaged_pages'),
    agentVersion: fields.string('agent_version'),
  };
};

const document = (value: JsonValue): string => `${formatJson(value, 2)}\n`;
