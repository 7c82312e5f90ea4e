import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { collect } from '../../lib/codec/streams.ts';
import { formatIncarnation, type Incarnation, parseIncarnation } from '../../lib/core/archive/incarnation.ts';
import {
  type Codec,
  incarnationKey,
  incarnationsPrefix,
  parseKey,
  probeKeys,
} from '../../lib/core/archive/layout.ts';
import { isPipelineError, PipelineError } from '../../lib/core/errors.ts';
import type { SegmentBytes } from '../../lib/core/wal/segment.ts';
import { formatSystemIdentifier, type SystemIdentifier } from '../../lib/core/wal/system-identifier.ts';
import { stateFile } from '../host/state-file.ts';
import { type Archive, codecsFrom } from './archive.ts';
import { forget, recall, remember, twinsNear } from './claim-memory.ts';
import { firstSegment } from './inherited.ts';

/** The cluster that wants to write here. */
export type Claimant = {
  readonly systemIdentifier: SystemIdentifier;
  readonly segmentBytes: SegmentBytes | undefined;
};

/** Every incarnation of the archive, oldest first; none when nobody has claimed it yet. */
export const readIncarnations = async (archive: Archive): Promise<readonly Incarnation[]> => {
  const incarnations: Incarnation[] = [];
  for await (const entry of archive.store.list(incarnationsPrefix, { signal: archive.signal })) {
    if ('folder' in entry) continue;
    const object = parseKey(entry.key);
    const incarnation =
      object.kind === 'incarnation' ? await readIncarnation(archive, object.number) : undefined;
    if (incarnation !== undefined) incarnations.push(incarnation);
  }
  return incarnations.sort((left, right) => left.number - right.number);
};

/** `undefined` when there is provably none of that number. */
const readIncarnation = async (archive: Archive, number: number): Promise<Incarnation | undefined> => {
  const key = incarnationKey(number);
  const object = await archive.store.open(key, { signal: archive.signal });
  if (object === undefined) return undefined;
  return parseIncarnation((await collect(object.content)).toString('utf8'), key);
};

/**
 * Lets a cluster write into its own archive and refuses any other: the first to come claims it, of several at once
 * exactly one. An archive that others wrote before walwarden came is claimed only by the cluster whose WAL it holds. Works
 * without the right to list, which a host that only pushes need not have.
 *
 * @throws 'archive-foreign', 'store-unavailable' for one that was emptied, 'store-misconfigured' for a store that overwrites
 */
export const ensureClaimed = async (archive: Archive, claimant: Claimant): Promise<Incarnation> => {
  let newest = await firstIncarnation(archive, claimant);
  for (;;) {
    const next = await readIncarnation(archive, newest.number + 1).catch(unlistable);
    if (next === undefined) return assertOwn(archive, newest, claimant);
    newest = next;
  }
};

/** Without the right to list, S3 answers 403 for an object that is not there. */
const unlistable = (error: unknown): undefined => {
  if (!isPipelineError(error, 'store-denied')) throw error;
};

const lookForFirst = async (archive: Archive): Promise<Incarnation | undefined> => {
  if (archive.store.isMetered) return readIncarnation(archive, 1).catch(unlistable);
  // A directory that is empty proves no absence, but it can be listed, and a listing costs nothing there.
  return (await readIncarnations(archive)).at(0);
};

/**
 * An archive that this host has claimed before does not become unclaimed: either somebody emptied it, or what is looked
 * at is the empty mount point of a disk that is not there.
 */
const emptied = (archive: Archive): PipelineError =>
  new PipelineError('store-unavailable', {
    message: `${archive.store.location} was claimed from this host before, and now there is no claim in it`,
    hint:
      'If the archive lies on a disk of its own, mount it. If it was emptied on purpose, remove ' +
      `${claimMemory(archive).path} to begin anew.`,
  });

const claimMemory = (archive: Archive) =>
  stateFile(archive.stateDirectory, 'claim', [archive.store.location]);

const firstIncarnation = async (archive: Archive, claimant: Claimant): Promise<Incarnation> => {
  // Read before the look: a second push from this host may be claiming the archive at this moment.
  const wasClaimed = (await claimMemory(archive).read()) !== undefined;
  const first = await lookForFirst(archive);
  if (first !== undefined) return first;
  if (wasClaimed) throw emptied(archive);
  await assertInheritedWalIsOwn(archive, claimant);
  return claim(archive, claimant, 1);
};

/**
 * `ensureClaimed` for a push, which happens every few seconds: what an earlier push found out is believed for a while,
 * where asking costs. Tells which other codecs' suffixes a twin of the file may have.
 */
export const claimForPush = async (
  archive: Archive,
  claimant: Claimant | undefined,
  fileName: string,
): Promise<readonly Codec[]> => {
  if (!archive.store.isMetered) {
    if (claimant !== undefined) await ensureClaimed(archive, claimant);
    return codecsFrom(archive.codec);
  }
  const known = claimant === undefined ? undefined : await recall(archive, claimant.systemIdentifier);
  if (known !== undefined) return known.twins;
  if (claimant !== undefined) await ensureClaimed(archive, claimant);
  const twins = await twinsNear(archive, fileName).catch((error: unknown) => unlistable(error) ?? []);
  if (claimant !== undefined) await remember(archive, claimant.systemIdentifier, { twins });
  return twins;
};

/**
 * Continues the archive as a new incarnation, for a cluster that went through pg_upgrade. From then on the old cluster is
 * a stranger: on this host at once, on others when they look at the archive again.
 */
export const claimNextIncarnation = async (archive: Archive, claimant: Claimant): Promise<Incarnation> => {
  const current = (await readIncarnations(archive)).at(-1);
  if (current?.systemIdentifier === claimant.systemIdentifier) return current;
  const next = await claim(archive, claimant, (current?.number ?? 0) + 1);
  if (current !== undefined) await forget(archive, current.systemIdentifier);
  return next;
};

const claim = async (archive: Archive, claimant: Claimant, number: number): Promise<Incarnation> => {
  await archive.store.proveNoOverwrite?.(probeKeys, { signal: archive.signal });
  const incarnation: Incarnation = {
    number,
    systemIdentifier: claimant.systemIdentifier,
    segmentBytes: claimant.segmentBytes,
    claimedAt: archive.clock.now(),
    claimedBy: hostname(),
  };
  const key = incarnationKey(number);
  const outcome = await archive.store.create(key, Buffer.from(formatIncarnation(incarnation)), {
    signal: archive.signal,
  });
  if (outcome === 'exists') {
    const winner = await readIncarnation(archive, number);
    assert(winner !== undefined, `${key} exists and nobody may delete it`);
    return assertOwn(archive, winner, claimant);
  }
  await claimMemory(archive).write({ location: archive.store.location, incarnation: number });
  archive.log.info('claim', {
    state: 'complete',
    key,
    systemIdentifier: formatSystemIdentifier(claimant.systemIdentifier),
  });
  return incarnation;
};

const assertOwn = (archive: Archive, incarnation: Incarnation, claimant: Claimant): Incarnation => {
  if (incarnation.systemIdentifier !== claimant.systemIdentifier) {
    throw foreign(archive, claimant, incarnation.systemIdentifier, `claimed by ${incarnation.claimedBy}`);
  }
  return incarnation;
};

const foreign = (archive: Archive, claimant: Claimant, owner: SystemIdentifier, evidence: string) =>
  new PipelineError('archive-foreign', {
    message:
      `${archive.store.location} is the archive of the cluster with system identifier ` +
      `${formatSystemIdentifier(owner)} (${evidence}), not of ${formatSystemIdentifier(claimant.systemIdentifier)}`,
    hint:
      'Give each cluster a prefix of its own in WALWARDEN_PREFIX. If this is the same cluster after pg_upgrade, ' +
      'run "walwarden claim --after-upgrade" once.',
  });

const assertInheritedWalIsOwn = async (archive: Archive, claimant: Claimant): Promise<void> => {
  const segment = await firstSegment(archive).catch((error: unknown) => {
    archive.log.warn(
      'claim',
      { state: 'note' },
      'this host may not list the archive, so whose WAL lies there already was not looked at',
    );
    return unlistable(error);
  });
  if (segment === undefined || segment.header.systemIdentifier === claimant.systemIdentifier) return;
  const { name, header } = segment;
  throw foreign(archive, claimant, header.systemIdentifier, `as its segment ${name} says`);
};
