import type { JsonValue } from '../../lib/core/json.ts';
import type { RetentionPlan } from '../../lib/core/retention/plan.ts';
import { formatBytes, formatTable } from '../host/output.ts';
import type { Inspection } from '../inspect/inspection.ts';
import { rangeNames, timeText } from '../inspect/report.ts';
import { begunDeletions, type Deleted } from './carry-out.ts';

type Plan = Extract<RetentionPlan, { kind: 'plan' }>;

const foreignObjects = ({ scan }: Inspection): number =>
  scan.tallies
    .filter(({ kind }) => kind === 'unknown' || kind === 'catchup')
    .reduce((sum, { objects }) => sum + objects, 0);

const walRows = (plan: Plan, { segmentBytes }: Inspection) =>
  segmentBytes === undefined
    ? []
    : plan.wal.map((verdict) => ({
        ...verdict,
        ...rangeNames(verdict, segmentBytes),
        segments: verdict.last - verdict.first + 1,
      }));

export const planFacts = (plan: Plan, inspection: Inspection, deleted: Deleted | undefined): JsonValue => ({
  is_dry_run: deleted === undefined,
  backups: plan.backups.map(({ incarnation, backup, verdict, reasons }) => ({
    name: backup.name,
    incarnation,
    verdict,
    reasons: reasons.map(({ rule, text }) => ({ rule, text })),
  })),
  wal: walRows(plan, inspection).map(
    ({ incarnation, timelineId, first, last, segments, verdict, reason }) => ({
      incarnation,
      timeline: timelineId,
      first_segment: first,
      last_segment: last,
      segments,
      verdict,
      reason,
    }),
  ),
  left_alone: {
    incomplete_backups: plan.incomplete.map(({ backup, isRunning }) => ({
      name: backup.name,
      may_be_running: isRunning,
    })),
    foreign_objects: foreignObjects(inspection),
  },
  being_deleted: begunDeletions(inspection),
  ...(deleted === undefined
    ? {}
    : {
        deleted: {
          backups: deleted.backups,
          wal_files: deleted.walFiles,
          objects: deleted.objects,
          object_bytes: deleted.objectBytes,
        },
      }),
});

export const planText = (plan: Plan, inspection: Inspection, deleted: Deleted | undefined): string => {
  const begun = begunDeletions(inspection);
  const foreign = foreignObjects(inspection);
  const notes = [
    ...begun.map((name) => `${name}: its deletion was begun before and is finished first`),
    ...plan.incomplete.map(
      ({ backup, isRunning }) =>
        `${backup.name}: has no sentinel, ${isRunning ? 'may be running' : 'died'}; left alone`,
    ),
    ...(foreign > 0 ? [`${foreign} objects that are not of base backups or WAL are left alone`] : []),
  ];
  return [
    formatTable(
      [{ heading: 'backup' }, { heading: 'started' }, { heading: 'verdict' }, { heading: 'because' }],
      plan.backups.map(({ backup, verdict, reasons }) => [
        backup.name,
        timeText(backup.startedAt),
        verdict,
        reasons.map(({ text }) => text).join('; '),
      ]),
    ),
    formatTable(
      [
        { heading: 'WAL from' },
        { heading: 'to' },
        { heading: 'segments', align: 'right' },
        { heading: 'verdict' },
        { heading: 'because' },
      ],
      walRows(plan, inspection).map(({ first, last, segments, verdict, reason }) => [
        first,
        last,
        String(segments),
        verdict,
        reason,
      ]),
    ),
    ...(notes.length === 0 ? [] : [notes.join('\n')]),
    deleted === undefined
      ? 'Nothing was deleted. With --confirm, this is what is deleted.'
      : `Deleted ${deleted.backups} backups and ${deleted.walFiles} WAL files: ${deleted.objects} objects of ` +
        `${formatBytes(deleted.objectBytes)}.`,
  ].join('\n\n');
};
