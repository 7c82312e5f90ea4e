import {
  backupDeletedKey,
  backupsPrefix,
  metadataKey,
  ownBackupPrefix,
  parseKey,
  sentinelKey,
  walPrefix,
} from '../../lib/core/archive/layout.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import { formatJson } from '../../lib/core/json.ts';
import type { ListEntry, ObjectFacts, ObjectKey } from '../../lib/core/ports.ts';
import type { RetentionPlan } from '../../lib/core/retention/plan.ts';
import { parseSegmentName, type SegmentBytes, type TimelineId } from '../../lib/core/wal/segment.ts';
import type { Archive } from '../archive/archive.ts';
import { inParallel } from '../host/in-parallel.ts';
import type { Inspection } from '../inspect/inspection.ts';

/** What was deleted. Objects of backups and WAL files are counted alike. */
export type Deleted = {
  readonly backups: number;
  readonly walFiles: number;
  readonly objects: number;
  readonly objectBytes: number;
};

type Counter = { backups: number; walFiles: number; objects: number; objectBytes: number };

/** Requests at once: enough to hide a bucket's latency, few enough to stop soon. */
const deletionsAtOnce = 16;

const changed = (key: string): PipelineError =>
  new PipelineError('object-changed', {
    message: `${key} is not the object that the plan was made for: it was changed or written anew since`,
    hint: 'Nothing more was deleted. Somebody else works on the archive; look at the plan again and repeat the command.',
  });

const removeSeen = async (
  archive: Archive,
  facts: ObjectFacts,
  counter: Counter,
  signal: AbortSignal,
): Promise<void> => {
  const outcome = await archive.store.remove(facts.key, { version: facts.version }, { signal });
  if (outcome === 'changed') throw changed(facts.key);
  if (outcome === 'absent') return;
  counter.objects += 1;
  counter.objectBytes += facts.objectBytes;
};

async function* objectsOf(entries: AsyncIterable<ListEntry>): AsyncGenerator<ObjectFacts> {
  for await (const entry of entries) if (!('folder' in entry)) yield entry;
}

/** Backups whose deletion was begun and not finished: the first thing that the next run does. */
export const begunDeletions = ({ scan }: Inspection): readonly string[] =>
  [...scan.backups].flatMap(([name, { sentinel, isBeingDeleted }]) =>
    isBeingDeleted && sentinel === undefined ? [name] : [],
  );

/** The sentinel goes first, so that nobody takes half a backup for a whole one; the marker of the deletion goes last. */
const deleteBackup = async (
  archive: Archive,
  name: string,
  { scan }: Inspection,
  counter: Counter,
): Promise<void> => {
  const { signal } = archive;
  const seen = scan.backups.get(name);
  if (seen?.sentinel !== undefined) {
    // A mark of permanence that came since would be in here.
    const metadata = await archive.store.stat(metadataKey(name), { signal });
    if (metadata?.version !== seen.metadata?.version) throw changed(metadataKey(name));
    const note = formatJson(
      { version: 1, backup_name: name, deleted_at: archive.clock.now().toISOString() },
      2,
    );
    await archive.store.create(backupDeletedKey(name), Buffer.from(`${note}\n`), { signal });
    await removeSeen(archive, seen.sentinel, counter, signal);
  }
  const marker = backupDeletedKey(name);
  for (const prefix of [`${backupsPrefix}${name}/`, ownBackupPrefix(name)]) {
    await inParallel(
      objectsOf(archive.store.list(prefix, { signal })),
      deletionsAtOnce,
      signal,
      async (facts, ownSignal) => {
        if (facts.key === marker || parseKey(facts.key).kind === 'unknown') return;
        await removeSeen(archive, facts, counter, ownSignal);
      },
    );
  }
  const last = await archive.store.stat(marker, { signal });
  if (last !== undefined) await removeSeen(archive, last, counter, signal);
  counter.backups += 1;
  archive.log.info('delete', { state: 'complete', backup: name, key: sentinelKey(name) });
};

/** Where a WAL file lies in the order of segments; history files of timelines lie nowhere and are never expired. */
const placeOf = (
  key: ObjectKey,
  segmentBytes: SegmentBytes,
): { readonly timelineId: TimelineId; readonly number: number } | undefined => {
  const object = parseKey(key);
  if (object.kind !== 'wal' || object.file.kind === 'timeline-history') return undefined;
  const { file } = object;
  return parseSegmentName(file.kind === 'segment' ? file.name : file.segmentName, segmentBytes);
};

const deleteWal = async (
  archive: Archive,
  plan: Extract<RetentionPlan, { kind: 'plan' }>,
  { scan, segmentBytes }: Inspection,
  counter: Counter,
): Promise<void> => {
  const expired = Map.groupBy(
    plan.wal.filter(({ verdict }) => verdict === 'expire'),
    ({ timelineId }) => timelineId,
  );
  if (segmentBytes === undefined || expired.size === 0) return;
  const isExpired = (facts: ObjectFacts): boolean => {
    const place = placeOf(facts.key, segmentBytes);
    if (place === undefined || facts.modifiedAt > scan.newestAt) return false;
    const ranges = expired.get(place.timelineId) ?? [];
    return ranges.some(({ first, last }) => first <= place.number && place.number <= last);
  };
  await inParallel(
    objectsOf(archive.store.list(walPrefix, { signal: archive.signal })),
    deletionsAtOnce,
    archive.signal,
    async (facts, signal) => {
      if (!isExpired(facts)) return;
      await removeSeen(archive, facts, counter, signal);
      counter.walFiles += 1;
    },
  );
};

/** What of an archive belongs to nobody's backup or WAL; whoever claimed it goes last. */
const deleteRest = async (archive: Archive, { scan }: Inspection, counter: Counter): Promise<void> => {
  const { signal } = archive;
  for (const isLast of [false, true]) {
    await inParallel(
      objectsOf(archive.store.list('', { signal })),
      deletionsAtOnce,
      signal,
      async (facts, ownSignal) => {
        const { kind } = parseKey(facts.key);
        const isForeign = kind === 'unknown' || kind === 'catchup';
        if (isForeign || facts.modifiedAt > scan.newestAt || (kind === 'incarnation') !== isLast) return;
        await removeSeen(archive, facts, counter, ownSignal);
      },
    );
  }
};

/**
 * Deletes exactly what a plan says and nothing that came after it: finishes what an earlier run began, then backups,
 * then WAL, oldest first. Each object only in the version that was seen; the first one that is another stops it all.
 * Run again after whatever ended it, it goes on.
 *
 * @throws 'object-changed' for an object that was changed meanwhile
 */
export const carryOut = async (
  archive: Archive,
  plan: Extract<RetentionPlan, { kind: 'plan' }>,
  inspection: Inspection,
  isEverything: boolean,
): Promise<Deleted> => {
  const counter: Counter = { backups: 0, walFiles: 0, objects: 0, objectBytes: 0 };
  const expired = plan.backups.flatMap(({ verdict, backup }) => (verdict === 'expire' ? [backup.name] : []));
  for (const name of [...begunDeletions(inspection), ...expired]) {
    archive.signal.throwIfAborted();
    await deleteBackup(archive, name, inspection, counter);
  }
  await deleteWal(archive, plan, inspection, counter);
  if (isEverything) await deleteRest(archive, inspection, counter);
  return counter;
};
