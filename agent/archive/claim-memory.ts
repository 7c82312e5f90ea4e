import { type Codec, codecs, parseKey, walPrefix } from '../../lib/core/archive/layout.ts';
import { fieldReader } from '../../lib/core/json.ts';
import { formatSystemIdentifier, type SystemIdentifier } from '../../lib/core/wal/system-identifier.ts';
import { stateFile } from '../host/state-file.ts';
import type { Archive } from './archive.ts';

/**
 * What a push knows of the archive without asking: that it is this cluster's, and which other codecs' suffixes the
 * files around this one have, where a twin of it could lie.
 */
export type PushKnowledge = { readonly twins: readonly Codec[] };

/** After this long the archive is looked at again: somebody may have emptied the bucket meanwhile. */
const believedForMs = 60 * 60 * 1000;

const memoryOf = (archive: Archive, cluster: SystemIdentifier) =>
  stateFile(archive.stateDirectory, 'push', [archive.store.location, formatSystemIdentifier(cluster)]);

/** What an earlier push of this host found out, while it is young enough to believe. Only for stores that cost. */
export const recall = async (
  archive: Archive,
  cluster: SystemIdentifier,
): Promise<PushKnowledge | undefined> => {
  if (!archive.store.isMetered) return undefined;
  try {
    const fields = fieldReader((await memoryOf(archive, cluster).read()) ?? null, 'push state');
    const ageMs = archive.clock.now().getTime() - fields.time('checked_at').getTime();
    const isMeant =
      fields.string('location') === archive.store.location &&
      fields.string('system_identifier') === formatSystemIdentifier(cluster) &&
      fields.string('codec') === archive.codec;
    if (!isMeant || ageMs < 0 || ageMs > believedForMs) return undefined;
    const named = fields.strings('twins');
    return { twins: codecs.filter((codec) => named.includes(codec)) };
  } catch {
    return undefined;
  }
};

export const remember = (
  archive: Archive,
  cluster: SystemIdentifier,
  knowledge: PushKnowledge,
): Promise<void> =>
  archive.store.isMetered
    ? memoryOf(archive, cluster).write({
        location: archive.store.location,
        system_identifier: formatSystemIdentifier(cluster),
        codec: archive.codec,
        twins: knowledge.twins,
        checked_at: archive.clock.now().toISOString(),
      })
    : Promise.resolve();

/** Makes the next push of this host look again whether the archive is the cluster's. */
export const forget = (archive: Archive, cluster: SystemIdentifier): Promise<void> =>
  archive.store.isMetered ? memoryOf(archive, cluster).write({}) : Promise.resolve();

/** How many of the file's neighbours tell what suffixes are in use around it. */
const neighbours = 1000;

/**
 * The other codecs in use near a WAL file, as a settings change or another tool left them. WAL is pushed in order, so
 * whatever may lie there already under this name lies among files of its time.
 */
export const twinsNear = async (archive: Archive, fileName: string): Promise<readonly Codec[]> => {
  const seen = new Set<Codec>();
  let count = 0;
  // The last two digits of a segment's name count 256 segments of 16 MiB.
  const prefix = `${walPrefix}${fileName.slice(0, 22)}`;
  for await (const entry of archive.store.list(prefix, { signal: archive.signal })) {
    if ('folder' in entry) continue;
    const object = parseKey(entry.key);
    if (object.kind === 'wal') seen.add(object.codec);
    count += 1;
    if (count >= neighbours) break;
  }
  seen.delete(archive.codec);
  return [...seen];
};
