import { type Archive, openArchive } from '../../agent/archive/archive.ts';
import { packingWith } from '../../agent/archive/object-packing.ts';
import type { Log } from '../../agent/host/log.ts';
import { rateLimit } from '../../agent/host/rate-limit.ts';
import { backupNameOf } from '../../lib/core/archive/backup-name.ts';
import {
  backupStartedKey,
  metadataKey,
  partKey,
  sentinelKey,
  walKey,
} from '../../lib/core/archive/layout.ts';
import { formatBackupMetadata } from '../../lib/core/backup/backup-metadata.ts';
import { type BackupSentinel, formatSentinel } from '../../lib/core/backup/sentinel.ts';
import type { Clock, ObjectKey, ObjectStore } from '../../lib/core/ports.ts';
import { lsnOf } from '../../lib/core/wal/lsn.ts';
import { parseSegmentBytes, parseTimelineId, segmentAt, segmentOfLsn } from '../../lib/core/wal/segment.ts';
import { parseSystemIdentifier } from '../../lib/core/wal/system-identifier.ts';
import { ourSystem, walSegment } from '../support/wal-files.ts';

export const segmentBytes = parseSegmentBytes(2 ** 20);

/** Long after everything that the memory store holds was written. */
export const clock: Clock = { now: () => new Date(Date.UTC(2026, 0, 1)), sleep: async () => {} };

const silent = () => undefined;
const log: Log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };

export const archiveIn = (store: ObjectStore): Archive =>
  openArchive({
    store,
    stateDirectory: undefined,
    codec: 'none',
    level: undefined,
    packing: packingWith(undefined, false),
    diskLimit: rateLimit(undefined, clock),
    clock,
    log,
    signal: new AbortController().signal,
  });

export const segmentName = (timeline: number, number: number): string =>
  segmentAt({ timelineId: parseTimelineId(timeline), number }, segmentBytes).name;

/** Lays segments as far as their headers go; nobody here reads on. */
export const laySegments = async (
  store: ObjectStore,
  timeline: number,
  numbers: readonly number[],
  system = ourSystem,
): Promise<void> => {
  for (const number of numbers) {
    const name = segmentName(timeline, number);
    await store.create(walKey(name, 'none'), walSegment({ name, system }).subarray(0, 64));
  }
};

/** Lays a backup of one part as WAL-G would, from one segment's middle to the next one's; returns its name. */
export const layBackup = async (
  store: ObjectStore,
  timeline: number,
  number: number,
  more: Partial<BackupSentinel> & { readonly isIncomplete?: boolean } = {},
): Promise<string> => {
  const { isIncomplete = false, ...fields } = more;
  const startLsn = lsnOf(BigInt(number) * BigInt(segmentBytes) + 40n);
  const backupName = backupNameOf(segmentOfLsn(parseTimelineId(timeline), startLsn, segmentBytes));
  const sentinel: BackupSentinel = {
    backupName,
    writtenBy: 'wal-g',
    startLsn,
    stopLsn: lsnOf(startLsn + BigInt(segmentBytes)),
    startedAt: new Date(Date.UTC(2024, 0, 1) + number * 60_000),
    finishedAt: new Date(Date.UTC(2024, 0, 1) + number * 60_000 + 30_000),
    systemIdentifier: parseSystemIdentifier(ourSystem),
    isPermanent: false,
    filesMetadataDisabled: true,
    ...fields,
  };
  const put = (key: ObjectKey, text: string) => store.create(key, Buffer.from(text));
  await put(backupStartedKey(backupName), '{}');
  await put(partKey(backupName, 'part_001', 'none'), 'a part');
  await put(partKey(backupName, 'pg_control', 'none'), 'another part');
  if (isIncomplete) return backupName;
  await put(metadataKey(backupName), formatBackupMetadata({ ...sentinel }));
  await put(sentinelKey(backupName), formatSentinel(sentinel));
  return backupName;
};

export const keysOf = async (store: ObjectStore, prefix = ''): Promise<readonly string[]> => {
  const keys: string[] = [];
  for await (const entry of store.list(prefix)) if (!('folder' in entry)) keys.push(entry.key);
  return keys;
};
