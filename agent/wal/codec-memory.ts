import { type Codec, codecs } from '../../lib/core/archive/layout.ts';
import { fieldReader } from '../../lib/core/json.ts';
import type { Archive } from '../archive/archive.ts';
import { stateFile } from '../host/state-file.ts';

/**
 * Remembers, for stores where asking costs, what the last file fetched was packed with: an archive that WAL-E wrote is
 * asked for `.lzo` first, not for the codec that new files get.
 */
export const codecMemory = (
  archive: Archive,
): { likeliest(): Promise<Codec>; learn(codec: Codec): Promise<void> } => {
  const file = stateFile(archive.stateDirectory, 'fetch', [archive.store.location]);
  let believed: Codec | undefined;
  return {
    async likeliest() {
      if (archive.store.isMetered) believed = await remembered(file);
      return believed ?? archive.codec;
    },
    async learn(codec) {
      if (archive.store.isMetered && codec !== (believed ?? archive.codec)) await file.write({ codec });
    },
  };
};

const remembered = async (file: ReturnType<typeof stateFile>): Promise<Codec | undefined> => {
  try {
    const name = fieldReader((await file.read()) ?? null, 'fetch state').string('codec');
    return codecs.find((codec) => codec === name);
  } catch {
    return undefined;
  }
};
