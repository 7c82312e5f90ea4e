import { PipelineError } from '../../lib/core/errors.ts';
import { missingOf, stretchesOf } from '../../lib/core/recovery/path-cover.ts';
import type { SegmentRange } from '../../lib/core/recovery/segment-runs.ts';
import { isOnPath, type TimelinePath } from '../../lib/core/recovery/timeline-paths.ts';
import { segmentAt } from '../../lib/core/wal/segment.ts';
import type { Inspection, JudgedIncarnation } from '../inspect/inspection.ts';

const namesOn = (path: TimelinePath, range: SegmentRange, { facts }: JudgedIncarnation): readonly string[] =>
  path.spans.flatMap(({ timelineId, first, last }) => {
    const [begin, end] = [Math.max(first, range.first), Math.min(last, range.last)];
    return Array.from(
      { length: Math.max(0, end - begin + 1) },
      (_, index) => segmentAt({ timelineId, number: begin + index }, facts.segmentBytes).name,
    );
  });

/**
 * The segments that go with a backup: those that it needs itself, and with history all that follow without a hole, along
 * the path that recovery follows by itself if it leads on.
 *
 * @throws 'backup-wal-missing' when the backup's own WAL is not all there
 */
export const walToCopy = (
  { incarnations }: Inspection,
  backupName: string,
  withHistory: boolean,
): readonly string[] => {
  const incarnation = incarnations.find(({ facts }) => facts.backups.some(({ name }) => name === backupName));
  const judged = incarnation?.continuity.backups.find(({ backup }) => backup.name === backupName);
  if (incarnation === undefined || judged?.state !== 'complete') {
    throw new PipelineError('backup-wal-missing', {
      message: `the WAL between the start and the stop of ${backupName} is not all in the archive that is copied from`,
      hint: 'Such a backup cannot be restored here or there; "walwarden wal-verify" shows what is missing.',
    });
  }
  const { facts, continuity } = incarnation;
  if (withHistory) {
    const windows = continuity.windows.filter(({ backups }) => backups.includes(backupName));
    const window = windows.find(({ isDefault }) => isDefault) ?? windows[0];
    const path = continuity.paths.find(({ timelineId }) => timelineId === window?.timelineId);
    if (window !== undefined && path !== undefined) {
      return namesOn(path, { first: judged.segments.first, last: window.lastSegment.number }, incarnation);
    }
  }
  const whole = continuity.paths.find(
    (path) =>
      isOnPath(judged.backup, path) &&
      missingOf(judged.segments, path, stretchesOf(path, facts.timelines)).length === 0,
  );
  return whole === undefined ? [] : namesOn(whole, judged.segments, incarnation);
};
