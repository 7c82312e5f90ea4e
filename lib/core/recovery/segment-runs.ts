import { strict as assert } from 'node:assert';
import { parseTimelineId, type SegmentBytes, type TimelineId } from '../wal/segment.ts';

/**
 * Segments of one timeline that follow each other without a hole, by number, both ends inclusive. A timeline's runs are
 * sorted and never touch each other: an archive of a million segments is a handful of them.
 */
export type SegmentRun = {
  readonly first: number;
  readonly last: number;
  /** When the store got the last one: an upper estimate of how far in time the run reaches. */
  readonly lastStoredAt?: Date | undefined;
};

export type SegmentRange = { readonly first: number; readonly last: number };

/** The segments of an archive, collected by name before anybody needs to know how large they are. */
export type SegmentCollector = {
  /** @param name 24 upper-case hexadecimal digits, as parseWalFileName takes for a segment; in any order, any number of times */
  add(name: string, storedAt?: Date): void;
  /** How many names were added. */
  readonly count: number;
  /** The one that was added first, to learn from its content what names do not tell. */
  readonly firstName: string | undefined;
  /** Runs by timeline, and the names that no cluster with this segment size gives (a third group that it does not reach). */
  build(segmentBytes: SegmentBytes): {
    readonly runs: ReadonlyMap<TimelineId, readonly SegmentRun[]>;
    readonly misnamed: number;
  };
};

/** Numbers and no objects: sixteen bytes a segment. Places count 4,096 to a group, which every segment size fits into. */
type Collected = { readonly places: number[]; readonly storedMs: number[]; isSorted: boolean };

const placesPerGroup = 4096;

export const collectSegments = (): SegmentCollector => {
  const timelines = new Map<TimelineId, Collected>();
  let count = 0;
  let firstName: string | undefined;
  return {
    add: (name, storedAt) => {
      assert(/^[0-9A-F]{24}$/.test(name), 'only names of segments are collected');
      const timelineId = parseTimelineId(Number.parseInt(name.slice(0, 8), 16));
      const place =
        Number.parseInt(name.slice(8, 16), 16) * placesPerGroup + Number.parseInt(name.slice(16), 16);
      const collected = timelines.get(timelineId) ?? { places: [], storedMs: [], isSorted: true };
      timelines.set(timelineId, collected);
      collected.isSorted &&= place >= (collected.places.at(-1) ?? 0);
      collected.places.push(place);
      collected.storedMs.push(storedAt?.getTime() ?? Number.NaN);
      count += 1;
      firstName ??= name;
    },
    get count() {
      return count;
    },
    get firstName() {
      return firstName;
    },
    build: (segmentBytes) => {
      let misnamed = 0;
      const runs = new Map<TimelineId, readonly SegmentRun[]>();
      for (const [timelineId, collected] of timelines) {
        const built = runsOf(collected, 2 ** 32 / segmentBytes);
        misnamed += built.misnamed;
        if (built.runs.length > 0) runs.set(timelineId, built.runs);
      }
      return { runs, misnamed };
    },
  };
};

const numberAt = (numbers: readonly number[], index: number): number => {
  const number = numbers[index];
  assert(number !== undefined, 'every name has a place and a time');
  return number;
};

const orderOf = ({ places, isSorted }: Collected): Iterable<number> => {
  const indexes = Uint32Array.from(places.keys());
  return isSorted ? indexes : indexes.sort((one, other) => numberAt(places, one) - numberAt(places, other));
};

const runsOf = (collected: Collected, perGroup: number) => {
  const runs: SegmentRun[] = [];
  let misnamed = 0;
  let open: { first: number; last: number; storedMs: number } | undefined;
  const close = (): void => {
    if (open === undefined) return;
    const { first, last, storedMs } = open;
    runs.push({ first, last, lastStoredAt: Number.isNaN(storedMs) ? undefined : new Date(storedMs) });
  };
  for (const index of orderOf(collected)) {
    const place = numberAt(collected.places, index);
    const inGroup = place % placesPerGroup;
    if (inGroup >= perGroup) {
      misnamed += 1;
      continue;
    }
    const number = Math.floor(place / placesPerGroup) * perGroup + inGroup;
    const storedMs = numberAt(collected.storedMs, index);
    if (open !== undefined && number <= open.last + 1) {
      open.last = number;
      open.storedMs = storedMs;
      continue;
    }
    close();
    open = { first: number, last: number, storedMs };
  }
  close();
  return { runs, misnamed };
};

/** How many segments the ranges hold. */
export const segmentCount = (ranges: readonly SegmentRange[]): number =>
  ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);

/** What of a range lies in none of the others, which may come in any order and overlap. */
export const subtractRanges = (
  range: SegmentRange,
  others: readonly SegmentRange[],
): readonly SegmentRange[] => {
  const rest: SegmentRange[] = [];
  let next = range.first;
  for (const { first, last } of others.toSorted((one, other) => one.first - other.first)) {
    if (last < next) continue;
    if (first > range.last) break;
    if (first > next) rest.push({ first: next, last: first - 1 });
    next = last + 1;
  }
  if (next <= range.last) rest.push({ first: next, last: range.last });
  return rest;
};
