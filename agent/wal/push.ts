import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { withDigest } from '../../lib/codec/streams.ts';
import { type Codec, walKey } from '../../lib/core/archive/layout.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import { parseWalFileName, type WalFile } from '../../lib/core/wal/wal-file.ts';
import type { Archive } from '../archive/archive.ts';
import { type Claimant, claimForPush } from '../archive/claim.ts';
import { namingKey } from '../archive/object-content.ts';
import { findAmong, type StoredWalFile } from '../archive/wal-objects.ts';
import { clusterOfWalPath } from '../host/control-file.ts';
import { digestOf, isFromSystem, readFully, readStream } from '../host/files.ts';
import { checkWalContent, walHeadBytes } from './wal-content.ts';

/**
 * Archives one WAL file and resolves only when it is durable there. Archiving the same content again is a success, as
 * PostgreSQL may ask for it after a crash (manual, "Setting Up WAL Archiving"); other content under the same name is an
 * error that shows both checksums, and changes nothing.
 */
export const pushWalFile = async (
  archive: Archive,
  path: string,
): Promise<'archived' | 'archived-before'> => {
  const walFile = parseWalFileName(basename(path));
  if (walFile === undefined) {
    throw new PipelineError('wal-name-invalid', {
      message: `${basename(path)} is not the name of a WAL file`,
      hint: 'Call it from PostgreSQL as archive_command = \'walwarden wal-push "%p"\'.',
    });
  }
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(path, 'cannot be opened', cause);
  });
  try {
    if (!(await file.stat()).isFile()) throw unreadable(path, 'is no regular file');
    const claimant = await inspectWalFile(walFile, path, file);
    const twins = await claimForPush(archive, claimant, walFile.name);
    return await storeWalFile(archive, walFile, path, file, twins);
  } catch (error) {
    // A store's adapter says in its own words what its system refused, so this is the file.
    throw isFromSystem(error) ? unreadable(path, `cannot be read: ${error.message}`, error) : error;
  } finally {
    await file.close();
  }
};

const unreadable = (path: string, what: string, cause?: unknown): PipelineError =>
  new PipelineError('file-unreadable', {
    message: `${path} ${what}`,
    hint: 'wal-push runs in the data directory and takes %p; run it as the user that owns the cluster.',
    cause,
  });

/** Checks that the file is what its name says, and tells which cluster it belongs to where that can be known. */
const inspectWalFile = async (
  walFile: WalFile,
  path: string,
  file: FileHandle,
): Promise<Claimant | undefined> => {
  const { size: fileBytes } = await file.stat();
  const cluster = await clusterOfWalPath(path);
  const head = await readFully(file, walHeadBytes(walFile));
  const header = checkWalContent(walFile, { head, fileBytes }, cluster);
  if (header !== undefined) return header;
  return cluster === undefined ? undefined : { systemIdentifier: cluster, segmentBytes: undefined };
};

const storeWalFile = async (
  archive: Archive,
  walFile: WalFile,
  path: string,
  file: FileHandle,
  twins: readonly Codec[],
): Promise<'archived' | 'archived-before'> => {
  const startedAt = archive.clock.now();
  const key = walKey(walFile.name, archive.codec);
  archive.log.debug('wal-push', { state: 'begin', key, path });
  const plain = withDigest(readStream(file));
  const packed = withDigest(archive.encode(plain.stream));
  // The same file may lie there under another codec's suffix, from before the setting changed; the store cannot refuse
  // that by itself, because the keys differ.
  const twin = await findAmong(archive, walFile.name, twins);
  const outcome =
    twin === undefined
      ? await archive.store.create(key, packed.stream, { signal: archive.signal })
      : ('exists' as const);
  if (outcome === 'created') {
    const { streamBytes: bytes, sha256 } = plain.result();
    const seconds = (archive.clock.now().getTime() - startedAt.getTime()) / 1000;
    archive.log.info('wal-push', {
      state: 'complete',
      key,
      bytes,
      objectBytes: packed.result().streamBytes,
      seconds,
      sha256,
    });
    return 'archived';
  }
  await assertSameContent(archive, twin ?? { key, codec: archive.codec }, walFile, path, file);
  archive.log.info(
    'wal-push',
    { state: 'skip', key: twin?.key ?? key },
    'archived before with the same content',
  );
  return 'archived-before';
};

const assertSameContent = async (
  archive: Archive,
  stored: StoredWalFile,
  walFile: WalFile,
  path: string,
  file: FileHandle,
): Promise<void> => {
  const object = await archive.store.open(stored.key, { signal: archive.signal });
  if (object === undefined) {
    throw new PipelineError('store-unavailable', {
      message: `${stored.key} was there and is gone`,
      hint: 'Somebody deletes from the archive while it is written; the next try will archive the file.',
    });
  }
  const [there, here] = [
    await digestOf(namingKey(stored.key, archive.decode(stored.codec)(object.content))),
    await digestOf(readStream(file)),
  ];
  if (there.sha256 === here.sha256 && there.bytes === here.bytes) return;
  throw new PipelineError('wal-content-differs', {
    message:
      `${walFile.name} is archived already with other content: ` +
      `the archive holds ${there.bytes} bytes with SHA-256 ${there.sha256}, ` +
      `${path} ${here.bytes} bytes with SHA-256 ${here.sha256}`,
    hint:
      'Two servers write one timeline, or a restored server archives into the archive that it came from. Nothing was ' +
      'overwritten. Find out which server is the true primary before you do anything else.',
  });
};
