import type { JsonValue } from '../../lib/core/json.ts';
import type { Gap } from '../../lib/core/recovery/gaps.ts';
import { timelineHistoryName } from '../../lib/core/recovery/needed-wal.ts';
import { missingOf, type NamedRange, stretchesOf } from '../../lib/core/recovery/path-cover.ts';
import type { Lsn } from '../../lib/core/wal/lsn.ts';
import { segmentOfEndLsn, type TimelineId } from '../../lib/core/wal/segment.ts';
import { formatTable } from '../host/output.ts';
import type { Inspection, JudgedIncarnation } from './inspection.ts';
import { gapText, rangeNames } from './report.ts';

export type CheckStatus = 'OK' | 'WARNING' | 'FAILURE';
export type CheckName = 'integrity' | 'timeline';

/** Where the cluster is now, as far as somebody says it: WAL up to there is expected. */
export type ExpectedEnd = { readonly timelineId: TimelineId | undefined; readonly lsn: Lsn | undefined };

export type CheckResult = {
  readonly status: CheckStatus;
  readonly details: JsonValue;
  /** For people: what is wrong, in sentences without final stops. */
  readonly findings: readonly string[];
  readonly table: string | undefined;
};

type Row = {
  readonly range: NamedRange;
  readonly status: 'FOUND' | 'MISSING_LOST' | 'MISSING_DELAYED';
};

const worst = (...statuses: readonly CheckStatus[]): CheckStatus =>
  statuses.includes('FAILURE') ? 'FAILURE' : statuses.includes('WARNING') ? 'WARNING' : 'OK';

const statusOf = ({ severity }: Gap, isOvertaken: boolean): CheckStatus => {
  if (severity === 'expected') return 'OK';
  return severity === 'severe' && !isOvertaken ? 'FAILURE' : 'WARNING';
};

/** What lies between the newest segment on the expected path and where the cluster says it is. */
const delayedOf = (
  { facts, continuity }: JudgedIncarnation,
  { timelineId = continuity.latestTimelineId, lsn }: ExpectedEnd,
): readonly NamedRange[] => {
  const path = continuity.paths.find((candidate) => candidate.timelineId === timelineId);
  if (lsn === undefined || lsn === 0n || path === undefined) return [];
  const stretches = stretchesOf(path, facts.timelines);
  const newest = stretches.at(-1)?.last;
  // The segment that is being written is not archived yet: only what lies wholly before it is expected.
  const last = segmentOfEndLsn(path.timelineId, lsn, facts.segmentBytes).number - 1;
  return newest === undefined || last <= newest
    ? []
    : missingOf({ first: newest + 1, last }, path, stretches);
};

/** Whether all WAL is there from the first backup on, without asking any server. */
export const checkIntegrity = (inspection: Inspection, expected: ExpectedEnd): CheckResult => {
  const rows: (Row & { readonly incarnation: JudgedIncarnation })[] = [];
  const findings: string[] = [...inspection.problems];
  const statuses: CheckStatus[] = inspection.problems.map(() => 'WARNING');
  for (const [index, incarnation] of inspection.incarnations.entries()) {
    const { facts, continuity } = incarnation;
    const later = inspection.incarnations.slice(index + 1);
    const isNewest = later.length === 0;
    // A backup of the cluster after pg_upgrade bridges whatever was lost before it.
    const isOvertaken = later.some(({ continuity: { windows } }) => windows.length > 0);
    const delayed = isNewest ? delayedOf(incarnation, expected) : [];
    const found = facts.timelines.flatMap(({ timelineId, runs }) =>
      runs.map(({ first, last }): Row => ({ range: { timelineId, first, last }, status: 'FOUND' })),
    );
    const lost = continuity.gaps.map((gap): Row => ({ range: gap, status: 'MISSING_LOST' }));
    const late = delayed.map((range): Row => ({ range, status: 'MISSING_DELAYED' }));
    rows.push(
      ...[...found, ...lost, ...late]
        .sort(
          (one, other) =>
            one.range.timelineId - other.range.timelineId || one.range.first - other.range.first,
        )
        .map((row) => ({ ...row, incarnation })),
    );
    for (const gap of continuity.gaps) {
      findings.push(gapText(gap, facts.segmentBytes));
      statuses.push(statusOf(gap, isOvertaken));
    }
    for (const range of delayed) {
      findings.push(`${range.last - range.first + 1} segments up to the given LSN have not arrived`);
      statuses.push('WARNING');
    }
    for (const { backup, state } of continuity.backups) {
      if (state === 'complete') continue;
      findings.push(
        `${backup.name} ${state === 'waiting' ? 'waits for its last WAL' : 'lacks WAL of its own'}`,
      );
      statuses.push('WARNING');
    }
  }
  return {
    status: worst(...statuses),
    findings,
    details: rows.map(({ range, status, incarnation }) => {
      const { first, last } = rangeNames(range, incarnation.facts.segmentBytes);
      return {
        timeline_id: range.timelineId,
        start_segment: first,
        end_segment: last,
        segments_count: range.last - range.first + 1,
        status,
      };
    }),
    table: formatTable(
      [
        { heading: 'timeline', align: 'right' },
        { heading: 'first segment' },
        { heading: 'last segment' },
        { heading: 'segments', align: 'right' },
        { heading: 'status' },
      ],
      rows.map(({ range, status, incarnation }) => {
        const { first, last } = rangeNames(range, incarnation.facts.segmentBytes);
        return [String(range.timelineId), first, last, String(range.last - range.first + 1), status];
      }),
    ),
  };
};

/** Whether recovery finds its way to the newest timeline. */
export const checkTimelines = ({ incarnations }: Inspection, expected: ExpectedEnd): CheckResult => {
  const newest = incarnations.at(-1);
  const highest = Math.max(
    0,
    ...(newest?.facts.timelines.filter(({ runs }) => runs.length > 0) ?? []).map((one) => one.timelineId),
  );
  const current = expected.timelineId ?? newest?.continuity.latestTimelineId ?? 0;
  const missing = incarnations.flatMap(({ continuity }) => continuity.missingHistories);
  const findings = missing.map(
    ({ timelineId, isDerived }) =>
      `${timelineHistoryName(timelineId)} is missing, so that recovery does not follow timeline ${timelineId}` +
      (isDerived ? '; a later history file repeats what it said' : ''),
  );
  if (current !== highest) {
    findings.push(
      expected.timelineId === undefined
        ? `recovery to "latest" follows timeline ${current}, but the archive holds WAL of timeline ${highest}`
        : `the cluster is on timeline ${current}, but the archive holds WAL of timeline ${highest}`,
    );
  }
  return {
    status: findings.length > 0 ? 'FAILURE' : 'OK',
    details: { current_timeline_id: current, highest_storage_timeline_id: highest },
    findings,
    table: undefined,
  };
};
