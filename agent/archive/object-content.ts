import type { Codec } from '../../lib/core/archive/layout.ts';
import { isPipelineError, PipelineError } from '../../lib/core/errors.ts';
import type { ObjectKey } from '../../lib/core/ports.ts';
import type { Archive } from './archive.ts';

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
