import type { Codec } from '../../lib/core/archive/layout.ts';
import { walKey } from '../../lib/core/archive/layout.ts';
import { isPipelineError, PipelineError } from '../../lib/core/errors.ts';
import type { ObjectKey, OpenObject } from '../../lib/core/ports.ts';
import { type Archive, codecsFrom } from './archive.ts';

/** Where and how a WAL file lies in the archive. */
export type StoredWalFile = { readonly key: ObjectKey; readonly codec: Codec };

/**
 * Opens the object that holds a WAL file, whatever codec it was written with; the codec in use is asked for first, so
 * that a file of our own costs one request. `undefined` means that the store proved the absence of every candidate.
 */
export const openWalFile = async (
  archive: Archive,
  fileName: string,
): Promise<(StoredWalFile & { readonly object: OpenObject }) | undefined> => {
  for (const codec of codecsFrom(archive.codec)) {
    const key = walKey(fileName, codec);
    const object = await archive.store.open(key, { signal: archive.signal });
    if (object !== undefined) return { key, codec, object };
  }
  return undefined;
};

/** Where the archive holds a WAL file, or `undefined` when it provably holds none. */
export const findWalFile = async (archive: Archive, fileName: string): Promise<StoredWalFile | undefined> => {
  for (const codec of codecsFrom(archive.codec)) {
    const key = walKey(fileName, codec);
    if ((await archive.store.stat(key, { signal: archive.signal })) !== undefined) return { key, codec };
  }
  return undefined;
};

/** The first bytes of an object's plain content, fewer when it has no more; `undefined` when the object is gone. */
export const readHead = async (
  archive: Archive,
  key: ObjectKey,
  codec: Codec,
  headBytes: number,
): Promise<Uint8Array | undefined> => {
  const object = await archive.store.open(key, { signal: archive.signal });
  if (object === undefined) return undefined;
  let head = Buffer.alloc(0);
  for await (const chunk of archive.decode(codec)(object.content)) {
    head = Buffer.concat([head, chunk]);
    if (head.length >= headBytes) break;
  }
  return head.subarray(0, headBytes);
};

/** Says in which object the damage lies; the codecs and checks below see only bytes. */
export async function* namingKey(
  key: string,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* content;
  } catch (error) {
    if (!isPipelineError(error, 'object-damaged', 'wal-content-invalid', 'archive-foreign')) throw error;
    throw new PipelineError(error.code, {
      message: `${key}: ${error.message}`,
      hint:
        error.hint ??
        'The object in the archive is damaged. A copy may still be in pg_wal of the primary or of a standby.',
      cause: error,
    });
  }
}
