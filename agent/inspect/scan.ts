import { type ArchiveObject, type Codec, parseKey } from '../../lib/core/archive/layout.ts';
import type { ObjectFacts } from '../../lib/core/ports.ts';
import { collectSegments, type SegmentCollector } from '../../lib/core/recovery/segment-runs.ts';
import type { TimelineId } from '../../lib/core/wal/segment.ts';
import type { Archive } from '../archive/archive.ts';

/** What a listing tells of one base backup's objects. */
export type BackupObjects = {
  readonly sentinel: ObjectFacts | undefined;
  readonly metadata: ObjectFacts | undefined;
  /** It was being deleted when somebody stopped. */
  readonly isBeingDeleted: boolean;
  readonly objects: number;
  readonly objectBytes: number;
  readonly lastWrittenAt: Date;
};

/** How many objects of a kind there are; `codec` for those that have one. */
export type Tally = {
  readonly kind: string;
  readonly codec: Codec | undefined;
  readonly objects: number;
  readonly objectBytes: number;
};

/** Everything that one pass over the names of an archive tells. */
export type ArchiveScan = {
  readonly segments: SegmentCollector;
  /** The codecs that segments lie in, the most frequent first. */
  readonly segmentCodecs: readonly Codec[];
  /** Names of the segments of which only the beginning is there. */
  readonly partials: readonly string[];
  readonly histories: ReadonlyMap<TimelineId, { readonly name: string; readonly codec: Codec }>;
  readonly backups: ReadonlyMap<string, BackupObjects>;
  readonly tallies: readonly Tally[];
  /** A few of the keys that are neither ours nor of the layout. */
  readonly unknownKeys: readonly string[];
  /** When the newest object seen was written, by the store's clock: what is newer came later. */
  readonly newestAt: Date;
};

const shownUnknownKeys = 20;

const kindOf = (object: ArchiveObject): string => (object.kind === 'wal' ? object.file.kind : object.kind);

const codecOf = (object: ArchiveObject): Codec | undefined =>
  object.kind === 'wal' || object.kind === 'part' ? object.codec : undefined;

const withObject = (
  before: BackupObjects | undefined,
  object: ArchiveObject,
  facts: ObjectFacts,
): BackupObjects => ({
  sentinel: object.kind === 'sentinel' ? facts : before?.sentinel,
  metadata: object.kind === 'metadata' ? facts : before?.metadata,
  isBeingDeleted: object.kind === 'backup-deleted' || (before?.isBeingDeleted ?? false),
  objects: (before?.objects ?? 0) + 1,
  objectBytes: (before?.objectBytes ?? 0) + facts.objectBytes,
  lastWrittenAt:
    before === undefined || facts.modifiedAt > before.lastWrittenAt ? facts.modifiedAt : before.lastWrittenAt,
});

/** Lists the whole archive once. Memory grows with backups, and by sixteen bytes a segment. */
export const scanArchive = async (archive: Archive): Promise<ArchiveScan> => {
  const segments = collectSegments();
  const partials: string[] = [];
  const histories = new Map<TimelineId, { readonly name: string; readonly codec: Codec }>();
  const backups = new Map<string, BackupObjects>();
  const tallies = new Map<string, Tally>();
  const unknownKeys: string[] = [];
  let newestMs = 0;

  for await (const entry of archive.store.list('', { signal: archive.signal })) {
    if ('folder' in entry) continue;
    const object = parseKey(entry.key);
    newestMs = Math.max(newestMs, entry.modifiedAt.getTime());
    const [kind, codec] = [kindOf(object), codecOf(object)];
    const { objects, objectBytes } = tallies.get(`${kind} ${codec}`) ?? { objects: 0, objectBytes: 0 };
    tallies.set(`${kind} ${codec}`, {
      kind,
      codec,
      objects: objects + 1,
      objectBytes: objectBytes + entry.objectBytes,
    });
    if (object.kind === 'wal') {
      const { file } = object;
      if (file.kind === 'segment') segments.add(file.name, entry.modifiedAt);
      else if (file.kind === 'partial') partials.push(file.segmentName);
      else if (file.kind === 'timeline-history') {
        histories.set(file.timelineId, { name: file.name, codec: object.codec });
      }
    } else if ('backupName' in object) {
      backups.set(object.backupName, withObject(backups.get(object.backupName), object, entry));
    } else if (object.kind === 'unknown' && unknownKeys.length < shownUnknownKeys) {
      unknownKeys.push(entry.key);
    }
  }
  const sorted = [...tallies.values()].sort((one, other) => other.objects - one.objects);
  return {
    segments,
    segmentCodecs: sorted.flatMap(({ kind, codec }) =>
      kind === 'segment' && codec !== undefined ? [codec] : [],
    ),
    partials,
    histories,
    backups,
    tallies: sorted,
    unknownKeys,
    newestAt: new Date(newestMs),
  };
};
