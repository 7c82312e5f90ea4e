import { PipelineError } from '../errors.ts';
import { type Lsn, parseLsn } from '../wal/lsn.ts';
import { parseTimelineId, type TimelineId } from '../wal/segment.ts';
import { parseWalFileName } from '../wal/wal-file.ts';
import { inDocument } from './document.ts';

/**
 * What `backup_label` says (build_backup_content in src/backend/access/transam/xlogbackup.c; xlog.c before PostgreSQL
 * 16). Recovery starts from it, so the file itself is stored and restored byte for byte, never made from this.
 */
export type BackupLabel = {
  readonly startLsn: Lsn;
  readonly startSegmentName: string;
  readonly checkpointLsn: Lsn;
  /** 'streamed', or 'pg_start_backup' of the exclusive mode that PostgreSQL 15 removed. */
  readonly method: string;
  readonly from: 'primary' | 'standby';
  /** In the server's log_timezone, with that zone's abbreviation: for people, not for arithmetic. */
  readonly startedAtText: string;
  readonly label: string;
  readonly startTimelineId: TimelineId;
};

/** A backup history file, `<segment>.<offset>.backup`, which a primary archives after any tool's base backup. */
export type BackupHistory = BackupLabel & {
  readonly stopLsn: Lsn;
  readonly stopSegmentName: string;
  readonly stoppedAtText: string;
  readonly stopTimelineId: TimelineId;
};

const walLocation = /^([0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}) \(file ([0-9A-F]{24})\)$/;

const invalid = (message: string): PipelineError =>
  new PipelineError('archive-document-invalid', {
    message,
    hint: 'PostgreSQL writes this file when a backup starts or stops; this copy is damaged or was edited.',
  });

/** The first line of each name counts: a label may itself hold line breaks, and what it says comes after. */
const readLines = (text: string): ReadonlyMap<string, string> => {
  const lines = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(': ');
    const name = line.slice(0, colon);
    if (colon > 0 && !lines.has(name)) lines.set(name, line.slice(colon + 2));
  }
  return lines;
};

const lineReader = (text: string, what: string) => {
  const lines = readLines(text);
  const line = (name: string): string => {
    const value = lines.get(name);
    if (value === undefined) throw invalid(`${what} has no line ${name}`);
    return value;
  };
  const location = (name: string): { lsn: Lsn; segmentName: string; timelineId: TimelineId } => {
    const [, lsn = '', segmentName = ''] = walLocation.exec(line(name)) ?? [];
    const file = parseWalFileName(segmentName);
    if (file === undefined)
      throw invalid(`${what} has ${JSON.stringify(line(name).slice(0, 80))} as ${name}`);
    return { lsn: parseLsn(lsn), segmentName, timelineId: file.timelineId };
  };
  return { lines, line, location };
};

const parseLabelLines = (
  { lines, line, location }: ReturnType<typeof lineReader>,
  what: string,
): BackupLabel => {
  const start = location('START WAL LOCATION');
  // The segment's name and this line are written from one variable. PostgreSQL before 11 writes no such line.
  const timeline = lines.get('START TIMELINE') ?? String(start.timelineId);
  if (timeline !== String(start.timelineId)) {
    throw invalid(`${what} starts in ${start.segmentName} but on timeline ${timeline.slice(0, 40)}`);
  }
  const checkpoint = line('CHECKPOINT LOCATION');
  if (!/^[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}$/.test(checkpoint)) {
    throw invalid(`${what} has ${JSON.stringify(checkpoint.slice(0, 80))} as CHECKPOINT LOCATION`);
  }
  return {
    startLsn: start.lsn,
    startSegmentName: start.segmentName,
    checkpointLsn: parseLsn(checkpoint),
    method: line('BACKUP METHOD'),
    // Primaries called themselves "master" before PostgreSQL 14.
    from: line('BACKUP FROM') === 'standby' ? 'standby' : 'primary',
    startedAtText: line('START TIME'),
    label: line('LABEL'),
    startTimelineId: start.timelineId,
  };
};

/** @throws 'archive-document-invalid' */
export const parseBackupLabel = (text: string): BackupLabel =>
  parseLabelLines(lineReader(text, 'backup_label'), 'backup_label');

/** @throws 'archive-document-invalid' */
export const parseBackupHistory = (text: string): BackupHistory => {
  const what = 'the backup history file';
  const reader = lineReader(text, what);
  const stop = reader.location('STOP WAL LOCATION');
  // Absent before PostgreSQL 11, where a backup could not outlive its timeline's segment names either.
  const timeline = reader.lines.get('STOP TIMELINE') ?? String(stop.timelineId);
  if (!/^\d{1,10}$/.test(timeline)) {
    throw invalid(`${what} has ${JSON.stringify(timeline.slice(0, 40))} as STOP TIMELINE`);
  }
  return {
    ...parseLabelLines(reader, what),
    stopLsn: stop.lsn,
    stopSegmentName: stop.segmentName,
    stoppedAtText: reader.line('STOP TIME'),
    stopTimelineId: inDocument(what, 'STOP TIMELINE', () => parseTimelineId(Number(timeline))),
  };
};
