import type { TimelineId } from '../wal/segment.ts';
import type { BackupOnPath, JudgedPath } from './judged-path.ts';
import { missingOf, type NamedRange } from './path-cover.ts';
import { type SegmentRange, subtractRanges } from './segment-runs.ts';

/**
 * Segments that a timeline's path asks for after some backup, that are not there although later ones are:
 *
 * - 'severe': no complete backup lies after them, so what came since cannot be recovered.
 * - 'warning': a complete backup after them bridges the gap; only the time in between is lost.
 * - 'expected': bridged too, and only permanent backups lie before them, which keep their own WAL and no more.
 */
export type Gap = NamedRange & {
  readonly severity: 'severe' | 'warning' | 'expected';
  /** The first complete backup after the gap. */
  readonly bridgedBy: string | undefined;
};

type Judgement = Pick<Gap, 'severity' | 'bridgedBy'>;

const judgeSegment = (number: number, backups: readonly BackupOnPath[]): Judgement => {
  const bridge = backups.find(({ segments, isComplete }) => isComplete && segments.first > number);
  if (bridge === undefined) return { severity: 'severe', bridgedBy: undefined };
  const isAsked = backups.some(
    ({ backup, segments }) => segments.first <= number && (!backup.isPermanent || segments.last >= number),
  );
  return { severity: isAsked ? 'warning' : 'expected', bridgedBy: bridge.backup.name };
};

/** Cut where the judgement may change: where a backup begins to ask for WAL, and where a permanent one stops. */
const cutAtBackups = (range: NamedRange, backups: readonly BackupOnPath[]): readonly NamedRange[] => {
  const cuts = backups
    .flatMap(({ segments }) => [segments.first, segments.last + 1])
    .filter((cut) => cut > range.first && cut <= range.last);
  const begins = [range.first, ...new Set(cuts.sort((one, other) => one - other))];
  return begins.map((first, index) => ({
    timelineId: range.timelineId,
    first,
    last: (begins[index + 1] ?? range.last + 1) - 1,
  }));
};

const gapsOnPath = ({ path, stretches, backups }: JudgedPath): readonly Gap[] => {
  const [earliest] = backups;
  const last = stretches.at(-1)?.last;
  if (earliest === undefined || last === undefined) return [];
  return missingOf({ first: earliest.segments.first, last }, path, stretches).flatMap((range) =>
    cutAtBackups(range, backups).map((part) => ({ ...part, ...judgeSegment(part.first, backups) })),
  );
};

const joined = (gaps: readonly Gap[]): readonly Gap[] => {
  const result: Gap[] = [];
  for (const gap of gaps) {
    const before = result.at(-1);
    const isSame =
      before !== undefined &&
      before.timelineId === gap.timelineId &&
      before.last + 1 === gap.first &&
      before.severity === gap.severity &&
      before.bridgedBy === gap.bridgedBy;
    if (isSame) result.pop();
    result.push(isSame ? { ...before, last: gap.last } : gap);
  }
  return result;
};

/**
 * Every gap once, in the order of timelines and numbers. Paths share their ancestors' WAL; what is missing there is
 * judged by the highest timeline that needs it, because PostgreSQL gives each new timeline a higher number. Holes in what
 * a timeline wrote after it was left for good are no gaps.
 */
export const gapsOf = (judged: readonly JudgedPath[]): readonly Gap[] => {
  const claimed = new Map<TimelineId, readonly SegmentRange[]>();
  const gaps: Gap[] = [];
  for (const path of judged.toReversed()) {
    if (path.orphanedAt !== undefined) continue;
    for (const gap of gapsOnPath(path)) {
      const others = claimed.get(gap.timelineId) ?? [];
      gaps.push(...subtractRanges(gap, others).map((range) => ({ ...gap, ...range })));
      claimed.set(gap.timelineId, [...others, gap]);
    }
  }
  gaps.sort((one, other) => one.timelineId - other.timelineId || one.first - other.first);
  return joined(gaps);
};
