import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { PipelineError } from '../core/errors.ts';
import type { ByteRange, ObjectFacts } from '../core/ports.ts';
import { onDisk } from './file-errors.ts';
import { factsOf } from './object-facts.ts';

type Reading = {
  readonly chunkBytes: number;
  readonly range?: ByteRange;
  readonly signal?: AbortSignal | undefined;
};

/**
 * The bytes of the object that `facts` tell of. The file is opened when reading begins, so that an object nobody reads
 * holds nothing open; one that was replaced since is an error, never other bytes than the facts promise.
 *
 * @throws 'store-unavailable' when the file is another one, or ends early
 */
export const readObject = async function* (
  path: string,
  facts: ObjectFacts,
  reading: Reading,
): AsyncGenerator<Uint8Array, void, undefined> {
  reading.signal?.throwIfAborted();
  const file = await onDisk(open(path, constants.O_RDONLY | constants.O_NOFOLLOW));
  try {
    const stats = await onDisk(file.stat({ bigint: true }));
    if (factsOf(facts.key, stats).version !== facts.version)
      throw changed(path, 'changed before it was read');
    yield* readRange(file, path, facts.objectBytes, reading);
  } finally {
    await file.close();
  }
};

const readRange = async function* (
  file: FileHandle,
  path: string,
  objectBytes: number,
  reading: Reading,
): AsyncGenerator<Uint8Array, void, undefined> {
  const end = Math.min(reading.range?.end ?? objectBytes, objectBytes);
  for (let at = reading.range?.start ?? 0; at < end; ) {
    reading.signal?.throwIfAborted();
    const chunk = Buffer.allocUnsafeSlow(Math.min(reading.chunkBytes, end - at));
    const { bytesRead } = await onDisk(file.read(chunk, 0, chunk.byteLength, at));
    if (bytesRead === 0) throw changed(path, `ended at byte ${at} of ${objectBytes}`);
    at += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
};

const changed = (path: string, what: string): PipelineError =>
  new PipelineError('store-unavailable', {
    message: `${path} ${what}`,
    hint: 'Objects of an archive do not change; see who writes to the archive directory besides walwarden.',
  });
