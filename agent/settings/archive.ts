import { availableParallelism } from 'node:os';
import { absolutePath, archiveLocation, byteSize, oneOf, wholeNumber } from './kinds.ts';
import { optional, preset, type Take } from './setting.ts';

/** Where the archive lies, and how what goes there is written. */
export const archiveTable = {
  prefix: optional({
    variable: 'WALWARDEN_PREFIX',
    group: 'archive',
    kind: archiveLocation,
    doc: 'Where the archive of this one cluster lies.',
  }),
  compression: preset({
    variable: 'WALWARDEN_COMPRESSION',
    group: 'archive',
    kind: oneOf('lz4', 'zstd', 'brotli', 'none'),
    preset: { text: 'lz4', value: () => 'lz4' as const },
    doc: 'What new objects are compressed with; what is there is read whatever it was written with.',
  }),
  compressionLevel: optional({
    variable: 'WALWARDEN_COMPRESSION_LEVEL',
    group: 'archive',
    kind: wholeNumber(0, 22),
    doc: "How hard to compress: zstd 1 to 22, brotli 0 to 11; left out, the codec's quick level. lz4 has no levels.",
  }),
  stateDirectory: optional({
    variable: 'WALWARDEN_STATE_DIR',
    group: 'archive',
    kind: absolutePath,
    doc: 'Where the agent remembers what it need not ask a store again.',
  }),
} as const;

export const walTable = {
  pushRetrySeconds: preset({
    variable: 'WALWARDEN_PUSH_RETRY_SECONDS',
    group: 'wal',
    kind: wholeNumber(0, 3600, 'seconds'),
    preset: { text: '20', value: () => 20 },
    doc: 'How long wal-push tries again what may heal, before PostgreSQL is told and tries by itself.',
  }),
  fetchRetrySeconds: preset({
    variable: 'WALWARDEN_FETCH_RETRY_SECONDS',
    group: 'wal',
    kind: wholeNumber(0, 86_400, 'seconds'),
    preset: { text: '60', value: () => 60 },
    doc: 'How long wal-fetch tries again what may heal, before it stops the recovery with status 255.',
  }),
} as const;

export const backupTable = {
  jobs: preset({
    variable: 'WALWARDEN_JOBS',
    group: 'backup',
    kind: wholeNumber(1, 128),
    preset: { text: 'the number of CPUs, at most 4', value: () => Math.min(4, availableParallelism()) },
    doc: 'How many parts of a base backup are worked on at once.',
  }),
  partBytes: preset({
    variable: 'WALWARDEN_PART_BYTES',
    group: 'backup',
    kind: byteSize(2 ** 20, 2 ** 40),
    preset: { text: '1GiB', value: () => 2 ** 30 },
    doc: 'How many bytes of files go into one part of a base backup; one file is never split.',
  }),
  backupWalWaitSeconds: preset({
    variable: 'WALWARDEN_BACKUP_WAL_WAIT_SECONDS',
    group: 'backup',
    kind: wholeNumber(0, 604_800, 'seconds'),
    preset: { text: '3600', value: () => 3600 },
    doc: 'How long backup-push waits at its end until all WAL that the backup needs is in the archive.',
  }),
} as const;

/** As the XDG base directory specification has it; none for a user without a home. */
const usualStateDirectory = (): string | undefined => {
  const { XDG_STATE_HOME: state, HOME: home } = process.env;
  if (state?.startsWith('/')) return `${state}/walwarden`;
  return home?.startsWith('/') ? `${home}/.local/state/walwarden` : undefined;
};

export const readArchiveSettings = (take: Take) => ({
  prefix: take(archiveTable.prefix),
  compression: take(archiveTable.compression),
  compressionLevel: take(archiveTable.compressionLevel),
  stateDirectory: take(archiveTable.stateDirectory) ?? usualStateDirectory(),
  pushRetrySeconds: take(walTable.pushRetrySeconds),
  fetchRetrySeconds: take(walTable.fetchRetrySeconds),
  jobs: take(backupTable.jobs),
  partBytes: take(backupTable.partBytes),
  backupWalWaitSeconds: take(backupTable.backupWalWaitSeconds),
});

/** The levels of the codecs that have any, both inclusive. Our LZ4 writer has only one. */
export const compressionLevels = { lz4: undefined, zstd: [1, 22], brotli: [0, 11], none: undefined } as const;
