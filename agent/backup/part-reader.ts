import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import tar from 'tar-stream';
import { withDigest } from '../../lib/codec/streams.ts';
import type { Codec } from '../../lib/core/archive/layout.ts';
import { isPipelineError, PipelineError } from '../../lib/core/errors.ts';
import type { ObjectKey } from '../../lib/core/ports.ts';
import type { Archive } from '../archive/archive.ts';
import { isSystemError } from '../host/files.ts';
import { type MembersOfPart, type RestoreTarget, restoreMember, type TarEntry } from './restore-member.ts';
import { smallWrites } from './small-writes.ts';

/** One object below tar_partitions/. */
export type PartToRestore = MembersOfPart & {
  readonly key: ObjectKey;
  readonly codec: Codec;
  /** What the object itself must be, where that is known. */
  readonly object: { readonly objectBytes: number; readonly sha256: string } | undefined;
};

/**
 * Unpacks one part below the target directory and checks it while it is written: the object's size and checksum, each
 * file's size and checksum as far as they are known, and that no file is missing or too many. Files of the part may be
 * there, unsound, when it throws; nothing may start from the directory then, which is why pg_control comes last.
 *
 * @throws 'backup-damaged', 'backup-absent', 'store-…', 'file-unwritable'
 */
export const restorePart = async (
  archive: Archive,
  part: PartToRestore,
  target: RestoreTarget,
  signal: AbortSignal,
): Promise<void> => {
  const object = await archive.store.open(part.key, { signal });
  if (object === undefined) {
    throw new PipelineError('backup-damaged', {
      message: `${part.key} is missing from the archive`,
      hint: 'The backup is not whole any more; restore an older one ("walwarden backup-list").',
    });
  }
  const packed = withDigest(object.content);
  const writes = smallWrites();
  try {
    await unpack(archive.decode(part.codec)(packed.stream), async (entry) => {
      signal.throwIfAborted();
      await restoreMember(part, target, entry, writes);
    });
    await writes.finish();
    part.members.finish();
  } catch (error) {
    // Nothing goes on writing behind the back of whoever is told of the failure.
    await writes.finish().catch(() => undefined);
    throw inPart(part, error);
  }
  if (part.object === undefined) return;
  const { streamBytes, sha256 } = packed.result();
  if (streamBytes !== part.object.objectBytes || sha256 !== part.object.sha256) {
    throw damaged(
      part,
      `it has ${streamBytes} bytes with SHA-256 ${sha256}, not ${part.object.objectBytes} with ${part.object.sha256}`,
    );
  }
};

const damaged = (part: PartToRestore, what: string, cause?: unknown): PipelineError =>
  new PipelineError('backup-damaged', {
    message: `${part.key} is not what its backup stored: ${what}`,
    hint: 'The object in the archive was damaged, cut or swapped. Restore an older backup, and keep this one for a look.',
    cause,
  });

/** Codecs and tar see only bytes; here it is said in which object they went wrong. */
const inPart = (part: PartToRestore, error: unknown): unknown => {
  if (isPipelineError(error, 'object-damaged')) return damaged(part, error.message, error);
  if (isPipelineError(error) || !(error instanceof Error)) return error;
  if (isSystemError(error, 'EEXIST'))
    return damaged(part, `${error.message}: it is in the backup twice`, error);
  if ('code' in error && error.code !== undefined && 'syscall' in error) {
    return new PipelineError('file-unwritable', {
      message: `restoring ${part.key}: ${error.message}`,
      hint: 'Check the free space, the permissions and the health of the target file system.',
      cause: error,
    });
  }
  // What tar-stream says of a tar that is none comes as a plain Error; a TypeError and its like are our own bugs.
  return error.constructor === Error ? damaged(part, error.message, error) : error;
};

const unpack = async (
  plain: AsyncIterable<Uint8Array>,
  onEntry: (entry: TarEntry) => Promise<void>,
): Promise<void> => {
  const extract = tar.extract();
  const fed = pipeline(Readable.from(plain, { objectMode: false }), extract);
  fed.catch(() => undefined);
  try {
    for await (const entry of extract) await onEntry(entry);
  } catch (error) {
    // A member that is being read when its source fails learns only that its stream was destroyed.
    await fed.catch((cause: unknown) => {
      if (isPipelineError(cause)) throw cause;
    });
    throw error;
  }
  await fed;
};
