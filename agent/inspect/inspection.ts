import type { Incarnation } from '../../lib/core/archive/incarnation.ts';
import { walKey } from '../../lib/core/archive/layout.ts';
import { isPipelineError } from '../../lib/core/errors.ts';
import type { IncarnationFacts, TimelineFacts } from '../../lib/core/recovery/archive-facts.ts';
import { type Continuity, judgeContinuity } from '../../lib/core/recovery/continuity.ts';
import type { IncompleteBackup } from '../../lib/core/retention/plan.ts';
import { parseSegmentName, type SegmentBytes, type TimelineId } from '../../lib/core/wal/segment.ts';
import type { SystemIdentifier } from '../../lib/core/wal/system-identifier.ts';
import { parseTimelineHistory, type TimelineHistory } from '../../lib/core/wal/timeline-history.ts';
import type { Archive } from '../archive/archive.ts';
import { readIncarnations } from '../archive/claim.ts';
import { readHead } from '../archive/object-content.ts';
import { type Backup, readBackups } from '../backup/backups.ts';
import { backupFactsOf, incompleteBackups } from './backup-facts.ts';
import { type HeaderReader, headerReader, type OwnedRun, ownedRuns } from './ownership.ts';
import { type ArchiveScan, scanArchive } from './scan.ts';

export type JudgedIncarnation = { readonly facts: IncarnationFacts; readonly continuity: Continuity };

/** All that the names and the small documents of an archive tell about it. Nothing was written. */
export type Inspection = {
  readonly scan: ArchiveScan;
  readonly claims: readonly Incarnation[];
  /** Complete base backups; what cannot be read of the others is among the problems. */
  readonly backups: readonly Backup[];
  readonly incomplete: readonly IncompleteBackup[];
  readonly segmentBytes: SegmentBytes | undefined;
  /** In the order of time; one for each system identifier. */
  readonly incarnations: readonly JudgedIncarnation[];
  /** What keeps the archive from being judged for sure. */
  readonly problems: readonly string[];
};

type System = SystemIdentifier | undefined;

/** Reads and judges the whole archive: one listing, the small documents of the backups, a few headers of segments. */
export const inspectArchive = async (archive: Archive): Promise<Inspection> => {
  const scan = await scanArchive(archive);
  const problems: string[] = [];
  const [claims, { backups, unreadable }] = await Promise.all([
    readIncarnations(archive),
    readBackups(archive),
  ]);
  problems.push(...unreadable.map(({ error }) => error.message));
  const readHeader = headerReader(archive, scan, (text) => problems.push(text));
  const segmentBytes = await segmentSizeOf(scan, claims, backups, readHeader);
  const known = { scan, claims, backups, segmentBytes, problems };
  if (segmentBytes === undefined) {
    if (scan.segments.count > 0 || scan.backups.size > 0) {
      problems.push('the size of WAL segments is unknown: no segment, claim or summary tells it');
    }
    return { ...known, incomplete: [], incarnations: [] };
  }
  const { runs, misnamed } = scan.segments.build(segmentBytes);
  if (misnamed > 0) {
    problems.push(`${misnamed} objects bear names that segments of ${segmentBytes} bytes cannot have`);
  }
  const owned = new Map<TimelineId, readonly OwnedRun[]>();
  for (const [timelineId, timelineRuns] of runs) {
    owned.set(timelineId, await ownedRuns(timelineId, timelineRuns, segmentBytes, readHeader));
  }
  const histories = await readHistories(archive, scan, problems);
  const systems = systemsInOrder(claims, backups, owned);
  const incarnations = systems.map((system, index): JudgedIncarnation => {
    const isFirst = index === 0;
    const isOwn = (candidate: System): boolean =>
      candidate === system || (isFirst && candidate === undefined);
    const facts: IncarnationFacts = {
      number: index + 1,
      systemIdentifier: system,
      segmentBytes,
      timelines: timelinesOf({
        owned,
        histories,
        isOwn,
        isOnly: systems.length === 1,
        isFirst,
        scan,
        segmentBytes,
      }),
      backups: backups
        .filter((backup) => isOwn(backup.sentinel.systemIdentifier))
        .flatMap((backup) => backupFactsOf(backup, problems)),
    };
    return { facts, continuity: judgeContinuity(facts) };
  });
  return { ...known, incarnations, incomplete: incompleteBackups(scan, segmentBytes) };
};

const firstNameOf = async (
  scan: ArchiveScan,
  readHeader: HeaderReader,
): Promise<SegmentBytes | undefined> => {
  const { firstName } = scan.segments;
  return firstName === undefined ? undefined : (await readHeader(firstName))?.segmentBytes;
};

const segmentSizeOf = async (
  scan: ArchiveScan,
  claims: readonly Incarnation[],
  backups: readonly Backup[],
  readHeader: HeaderReader,
): Promise<SegmentBytes | undefined> =>
  claims.find((claim) => claim.segmentBytes !== undefined)?.segmentBytes ??
  backups.find(({ summary }) => summary !== undefined)?.summary?.segmentBytes ??
  (await firstNameOf(scan, readHeader));

/** Claimed ones in the order of their claims; those that were there before anybody claimed come first. */
const systemsInOrder = (
  claims: readonly Incarnation[],
  backups: readonly Backup[],
  owned: ReadonlyMap<TimelineId, readonly OwnedRun[]>,
): readonly System[] => {
  const claimed = claims.map(({ systemIdentifier }) => systemIdentifier);
  const seen = [
    ...backups.map(({ sentinel }) => sentinel.systemIdentifier),
    ...[...owned.values()].flat().map(({ system }) => system),
  ].filter((system) => system !== undefined);
  const all = [...new Set([...seen.filter((system) => !claimed.includes(system)), ...claimed])];
  return all.length === 0 ? [undefined] : all;
};

const readHistories = async (
  archive: Archive,
  scan: ArchiveScan,
  problems: string[],
): Promise<ReadonlyMap<TimelineId, TimelineHistory>> => {
  const histories = new Map<TimelineId, TimelineHistory>();
  for (const [timelineId, { name, codec }] of scan.histories) {
    try {
      const bytes = await readHead(archive, walKey(name, codec), codec, 2 ** 20);
      if (bytes === undefined) continue;
      histories.set(timelineId, parseTimelineHistory(timelineId, Buffer.from(bytes).toString('utf8')));
    } catch (error) {
      if (!isPipelineError(error, 'object-damaged', 'wal-content-invalid', 'codec-unsupported')) throw error;
      problems.push(`${name} cannot be read: ${error.message}`);
    }
  }
  return histories;
};

const timelinesOf = (parts: {
  readonly owned: ReadonlyMap<TimelineId, readonly OwnedRun[]>;
  readonly histories: ReadonlyMap<TimelineId, TimelineHistory>;
  readonly isOwn: (system: System) => boolean;
  readonly isOnly: boolean;
  readonly isFirst: boolean;
  readonly scan: ArchiveScan;
  readonly segmentBytes: SegmentBytes;
}): readonly TimelineFacts[] => {
  const { owned, histories, isOwn, isOnly, isFirst, scan, segmentBytes } = parts;
  const partials = scan.partials.flatMap((name) => parseSegmentName(name, segmentBytes) ?? []);
  const ids = new Set([
    ...owned.keys(),
    ...histories.keys(),
    ...partials.map(({ timelineId }) => timelineId),
  ]);
  return [...ids].flatMap((timelineId): readonly TimelineFacts[] => {
    const all = owned.get(timelineId) ?? [];
    const runs = all.filter(({ system }) => isOwn(system));
    // A file that tells of no WAL any more belongs to a cluster from before the upgrade.
    const isHere = isOnly || runs.length > 0 || (isFirst && all.length === 0);
    if (!isHere) return [];
    return [
      {
        timelineId,
        runs: runs.map(({ first, last, lastStoredAt }) => ({ first, last, lastStoredAt })),
        history: histories.get(timelineId),
        partials: partials
          .filter((partial) => partial.timelineId === timelineId)
          .map(({ number }) => number)
          .filter(
            (number) => isOnly || runs.some(({ first, last }) => first <= number && number <= last + 1),
          ),
      },
    ];
  });
};
