import type { ObjectStore } from '../../lib/core/ports.ts';
import type { CommandContext } from '../command-line.ts';
import { requirePrefix, type Settings } from '../settings/settings.ts';
import { type Archive, openArchive } from './archive.ts';

/** Opens the store that the settings name. Adapters are loaded when they are needed: a start must be quick. */
const openStore = async (settings: Settings): Promise<ObjectStore> => {
  const location = requirePrefix(settings);
  switch (location.kind) {
    case 'directory': {
      const { openDirectoryStore } = await import('../../lib/local/directory-store.ts');
      return openDirectoryStore(location.path);
    }
    case 's3': {
      const { openS3Store } = await import('../../lib/aws/s3-store.ts');
      return openS3Store(location);
    }
  }
};

/** Works on the archive that the settings name and closes it whatever happens. */
export const withArchive = async <Result>(
  context: CommandContext,
  work: (archive: Archive) => Promise<Result>,
): Promise<Result> => {
  const { settings, clock, log, signal } = context;
  const store = await openStore(settings);
  try {
    const codec = settings.compression;
    return await work(
      openArchive({
        store,
        stateDirectory: settings.stateDirectory,
        codec,
        level: settings.compressionLevel,
        clock,
        log,
        signal,
      }),
    );
  } finally {
    await store.close();
  }
};
