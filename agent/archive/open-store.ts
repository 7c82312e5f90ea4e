import type { ObjectStore } from '../../lib/core/ports.ts';
import type { CommandContext } from '../command-line.ts';
import { rateLimit } from '../host/rate-limit.ts';
import { requirePrefix } from '../settings/settings.ts';
import { type Archive, openArchive } from './archive.ts';
import { packingWith } from './object-packing.ts';
import { openEncryption } from './open-encryption.ts';

/** Opens the store that the settings name. Adapters are loaded when they are needed: a start must be quick. */
const openStore = async ({ settings, clock, log }: CommandContext): Promise<ObjectStore> => {
  const location = requirePrefix(settings);
  switch (location.kind) {
    case 'directory': {
      const { openDirectoryStore } = await import('../../lib/local/directory-store.ts');
      return openDirectoryStore(location.path);
    }
    case 's3': {
      const [{ openS3Store }, { s3OptionsOf, trustCertificatesIn }] = await Promise.all([
        import('../../lib/aws/s3-store.ts'),
        import('./s3-options.ts'),
      ]);
      if (settings.s3.caFile !== undefined) trustCertificatesIn(settings.s3.caFile);
      return openS3Store(s3OptionsOf(location, settings, { clock, log }));
    }
  }
};

/** Works on the archive that the settings name and closes it whatever happens. */
export const withArchive = async <Result>(
  context: CommandContext,
  work: (archive: Archive) => Promise<Result>,
): Promise<Result> => {
  const { settings, clock, log, signal } = context;
  const packing = packingWith(await openEncryption(settings), settings.encryption.allowsPlain);
  const store = await openStore(context);
  try {
    const codec = settings.compression;
    return await work(
      openArchive({
        store,
        stateDirectory: settings.stateDirectory,
        codec,
        level: settings.compressionLevel,
        packing,
        diskLimit: rateLimit(settings.diskRate, clock),
        clock,
        log,
        signal,
      }),
    );
  } finally {
    await store.close();
  }
};
