import {
  backupsPrefix,
  type Codec,
  codecs,
  incarnationKey,
  ownBackupPrefix,
  parseKey,
  sentinelKey,
  walKey,
} from '../../lib/core/archive/layout.ts';
import { findBackup } from '../../lib/core/backup/backup-selection.ts';
import { isPipelineError, PipelineError } from '../../lib/core/errors.ts';
import type { ObjectKey } from '../../lib/core/ports.ts';
import { formatSystemIdentifier } from '../../lib/core/wal/system-identifier.ts';
import type { Archive } from '../archive/archive.ts';
import { readIncarnations } from '../archive/claim.ts';
import { firstSegment } from '../archive/inherited.ts';
import { backupChain } from '../backup/backup-chain.ts';
import type { Backup } from '../backup/backups.ts';
import { inParallel } from '../host/in-parallel.ts';
import { type Inspection, inspectArchive } from '../inspect/inspection.ts';
import { walToCopy } from './copied-wal.ts';

export type CopyRequest = {
  /** A name, the begin of one, or LATEST; `undefined` for every complete backup. */
  readonly backup: string | undefined;
  readonly withHistory: boolean;
  readonly jobs: number;
};

export type Copied = {
  readonly backups: readonly string[];
  readonly objects: number;
  readonly objectBytes: number;
  /** Were there already. */
  readonly present: number;
};

type Counter = { objects: number; objectBytes: number; present: number };

type Ends = { readonly from: Archive; readonly to: Archive; readonly counter: Counter };

async function* each<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items;
}

/** Copies an object as it is. One that is there already must have as many bytes: nothing is ever overwritten. */
const copyObject = async (
  { from, to, counter }: Ends,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<'copied' | 'absent'> => {
  const [there, here] = [await to.store.stat(key, { signal }), await from.store.stat(key, { signal })];
  if (here === undefined) return 'absent';
  if (there === undefined) {
    const object = await from.store.open(key, { signal });
    if (object === undefined) return 'absent';
    if ((await to.store.create(key, object.content, { signal })) === 'created') {
      counter.objects += 1;
      counter.objectBytes += here.objectBytes;
      return 'copied';
    }
  }
  // A mark of permanence may have been set on either side since.
  const facts = there ?? (await to.store.stat(key, { signal }));
  if (facts?.objectBytes !== here.objectBytes && parseKey(key).kind !== 'metadata') {
    throw new PipelineError('object-exists', {
      message: `${key} is in ${to.store.location} already, with ${facts?.objectBytes} bytes and not ${here.objectBytes}`,
      hint: 'The place holds something else under this name. Copy into an empty prefix.',
    });
  }
  counter.present += 1;
  return 'copied';
};

const copyWalFile = async (
  ends: Ends,
  name: string,
  likely: readonly Codec[],
  signal: AbortSignal,
): Promise<void> => {
  for (const codec of new Set([...likely, ...codecs])) {
    if ((await copyObject(ends, walKey(name, codec), signal)) === 'copied') return;
  }
  throw new PipelineError('backup-wal-missing', {
    message: `${name} was listed in ${ends.from.store.location} and is gone`,
    hint: 'Retention or somebody else deletes there; run copy again.',
  });
};

/**
 * A directory that is empty may be the mount point of a disk that is not there, so that its store proves no absence
 * until the first object lies in it. That one is laid without a look.
 */
const layFirst = async ({ from, to, counter }: Ends, backupName: string): Promise<void> => {
  const { signal } = from;
  for await (const entry of from.store.list(`${backupsPrefix}${backupName}/`, { signal })) {
    const object = 'folder' in entry ? undefined : await from.store.open(entry.key, { signal });
    if (object === undefined) continue;
    if ((await to.store.create(object.facts.key, object.content, { signal })) === 'created') {
      counter.objects += 1;
      counter.objectBytes += object.facts.objectBytes;
    }
    return;
  }
};

/** Two clusters must not meet in one prefix: the claims go first, and meet only their own copies. */
const copyClaims = async (ends: Ends, { claims, incarnations }: Inspection, first: string): Promise<void> => {
  const { to } = ends;
  const ours = new Set(incarnations.map(({ facts }) => facts.systemIdentifier));
  const systems = [
    ...(await readIncarnations(to)).map(({ systemIdentifier }) => systemIdentifier),
    ...[await firstSegment(to)].flatMap((segment) => segment?.header.systemIdentifier ?? []),
  ];
  for (const systemIdentifier of systems) {
    if (ours.has(systemIdentifier)) continue;
    throw new PipelineError('archive-foreign', {
      message:
        `${to.store.location} is the archive of the cluster with system identifier ` +
        formatSystemIdentifier(systemIdentifier),
      hint: 'Copy into a prefix of its own.',
    });
  }
  await to.store.stat(sentinelKey(first), { signal: to.signal }).catch((error: unknown) => {
    if (!isPipelineError(error, 'store-unavailable')) throw error;
    return layFirst(ends, first);
  });
  for (const { number } of claims) await copyObject(ends, incarnationKey(number), ends.from.signal);
};

const copyBackup = async (ends: Ends, name: string, jobs: number): Promise<void> => {
  const { store, signal } = ends.from;
  for (const prefix of [ownBackupPrefix(name), `${backupsPrefix}${name}/`]) {
    await inParallel(store.list(prefix, { signal }), jobs, signal, async (entry, ownSignal) => {
      if ('folder' in entry || ['unknown', 'backup-deleted'].includes(parseKey(entry.key).kind)) return;
      await copyObject(ends, entry.key, ownSignal);
    });
  }
  // Only now is it a backup there.
  if ((await copyObject(ends, sentinelKey(name), signal)) === 'copied') return;
  throw new PipelineError('backup-absent', {
    message: `${name} was deleted from ${store.location} while it was copied`,
    hint: 'Copy another one: "walwarden backup-list" shows those that are there.',
  });
};

/**
 * Copies backups with the backups that they stand on and their WAL from one archive to another, byte for byte: neither
 * compression nor encryption changes. WAL first, each sentinel after everything else of its backup. What is there already
 * is passed over, so that a copy that was interrupted is repeated.
 *
 * @throws 'backup-absent', 'backup-damaged', 'backup-wal-missing', 'archive-foreign', 'object-exists'
 */
export const copyArchive = async (from: Archive, to: Archive, request: CopyRequest): Promise<Copied> => {
  const { signal } = from;
  const inspection = await inspectArchive(from);
  const { backups, scan } = inspection;
  const asked = request.backup === undefined ? backups : [findBackup(backups, request.backup)];
  const chains: readonly Backup[] = asked.flatMap((backup) => backupChain(backups, backup));
  const names = [...new Set(chains.map(({ name }) => name))];
  const segments = new Set(names.flatMap((name) => walToCopy(inspection, name, request.withHistory)));

  const counter: Counter = { objects: 0, objectBytes: 0, present: 0 };
  const ends: Ends = { from, to, counter };
  const [first] = names;
  if (first === undefined) return { backups: [], ...counter };
  await copyClaims(ends, inspection, first);
  for (const { name, codec } of scan.histories.values()) await copyWalFile(ends, name, [codec], signal);
  await inParallel(each(segments), request.jobs, signal, (name, ownSignal) =>
    copyWalFile(ends, name, scan.segmentCodecs, ownSignal),
  );
  for (const name of names) {
    await copyBackup(ends, name, request.jobs);
    from.log.info('copy', { state: 'complete', backup: name });
  }
  return { backups: names, ...counter };
};
