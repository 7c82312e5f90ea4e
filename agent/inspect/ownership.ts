import { walKey } from '../../lib/core/archive/layout.ts';
import { isPipelineError } from '../../lib/core/errors.ts';
import type { SegmentRun } from '../../lib/core/recovery/segment-runs.ts';
import { type SegmentBytes, segmentAt, type TimelineId } from '../../lib/core/wal/segment.ts';
import {
  parseSegmentHeader,
  type SegmentHeader,
  segmentHeaderBytes,
} from '../../lib/core/wal/segment-header.ts';
import type { SystemIdentifier } from '../../lib/core/wal/system-identifier.ts';
import type { Archive } from '../archive/archive.ts';
import { readHead } from '../archive/object-content.ts';
import type { ArchiveScan } from './scan.ts';

export type OwnedRun = SegmentRun & { readonly system: SystemIdentifier | undefined };

/** Reads segments' headers, each once. */
export type HeaderReader = (name: string) => Promise<SegmentHeader | undefined>;

/** A header that cannot be read (damaged, encrypted with another key) is a problem of that segment, not of the reader. */
export const headerReader = (
  archive: Archive,
  scan: ArchiveScan,
  onProblem: (text: string) => void,
): HeaderReader => {
  const known = new Map<string, SegmentHeader | undefined>();
  const read: HeaderReader = async (name) => {
    for (const codec of scan.segmentCodecs) {
      try {
        const head = await readHead(archive, walKey(name, codec), codec, segmentHeaderBytes);
        if (head !== undefined) return parseSegmentHeader(head);
      } catch (error) {
        if (!isPipelineError(error, 'object-damaged', 'wal-content-invalid', 'codec-unsupported'))
          throw error;
        onProblem(`the header of ${name} cannot be read: ${error.message}`);
        return undefined;
      }
    }
    return undefined;
  };
  return async (name) => {
    if (!known.has(name)) known.set(name, await read(name));
    return known.get(name);
  };
};

/**
 * Says of which cluster each stretch of WAL is. Names do not tell: after pg_upgrade the same timeline may go on under
 * another system identifier. The first and the last header of a run are read; where they differ, the border between
 * them is looked for by halving.
 */
export const ownedRuns = async (
  timelineId: TimelineId,
  runs: readonly SegmentRun[],
  segmentBytes: SegmentBytes,
  readHeader: HeaderReader,
): Promise<readonly OwnedRun[]> => {
  const systemOf = async (number: number) =>
    (await readHeader(segmentAt({ timelineId, number }, segmentBytes).name))?.systemIdentifier;
  const split = async ({ first, last, lastStoredAt }: SegmentRun): Promise<readonly OwnedRun[]> => {
    const [system, lastSystem] = [await systemOf(first), await systemOf(last)];
    if (system === lastSystem) return [{ first, last, lastStoredAt, system }];
    const middle = Math.floor((first + last) / 2);
    const [left, right] = [
      await split({ first, last: middle, lastStoredAt }),
      await split({ first: middle + 1, last, lastStoredAt }),
    ];
    const [before, after] = [left.at(-1), right[0]];
    if (before === undefined || after === undefined || before.system !== after.system) {
      return [...left, ...right];
    }
    return [...left.slice(0, -1), { ...after, first: before.first }, ...right.slice(1)];
  };
  return (await Promise.all(runs.map(split))).flat();
};
