import { hostname } from 'node:os';
import { collect } from '../../lib/codec/streams.ts';
import { formatIncarnation, type Incarnation, parseIncarnation } from '../../lib/core/archive/incarnation.ts';
import { incarnationKey, incarnationsPrefix, parseKey } from '../../lib/core/archive/layout.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import type { ObjectKey } from '../../lib/core/ports.ts';
import type { SegmentBytes } from '../../lib/core/wal/segment.ts';
import { formatSystemIdentifier, type SystemIdentifier } from '../../lib/core/wal/system-identifier.ts';
import type { Archive } from './archive.ts';
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
    if ('folder' in entry || parseKey(entry.key).kind !== 'incarnation') continue;
    incarnations.push(await readIncarnation(archive, entry.key));
  }
  return incarnations.sort((left, right) => left.number - right.number);
};

const readIncarnation = async (archive: Archive, key: ObjectKey): Promise<Incarnation> => {
  const object = await archive.store.open(key, { signal: archive.signal });
  if (object === undefined) {
    throw new PipelineError('object-absent', {
      message: `${key} was listed and is gone`,
      hint: `Somebody is deleting objects in ${archive.store.location}; nothing of walwarden/ may be deleted by hand.`,
    });
  }
  return parseIncarnation((await collect(object.content)).toString('utf8'), key);
};

/**
 * Lets a cluster write into its own archive and refuses any other: the first to come claims it, of several at once
 * exactly one. An archive that others wrote before walwarden came is claimed only by the cluster whose WAL it holds.
 *
 * @throws 'archive-foreign'
 */
export const ensureClaimed = async (archive: Archive, claimant: Claimant): Promise<Incarnation> => {
  const current = (await readIncarnations(archive)).at(-1);
  if (current !== undefined) return assertOwn(archive, current, claimant);
  await assertInheritedWalIsOwn(archive, claimant);
  return claim(archive, claimant, 1);
};

/** Continues the archive as a new incarnation, for a cluster that went through pg_upgrade. */
export const claimNextIncarnation = async (archive: Archive, claimant: Claimant): Promise<Incarnation> => {
  const current = (await readIncarnations(archive)).at(-1);
  if (current?.systemIdentifier === claimant.systemIdentifier) return current;
  return claim(archive, claimant, (current?.number ?? 0) + 1);
};

const claim = async (archive: Archive, claimant: Claimant, number: number): Promise<Incarnation> => {
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
  if (outcome === 'exists') return assertOwn(archive, await readIncarnation(archive, key), claimant);
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
  const segment = await firstSegment(archive);
  if (segment === undefined || segment.header.systemIdentifier === claimant.systemIdentifier) return;
  const { name, header } = segment;
  throw foreign(archive, claimant, header.systemIdentifier, `as its segment ${name} says`);
};
