import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type ByteReader, readingBytes } from '../../lib/codec/streams.ts';
import {
  blockNumberBytes,
  blockRuns,
  incrementHeadBytes,
  parseIncrementHead,
} from '../../lib/core/backup/increment.ts';
import { pageBytes } from '../../lib/core/backup/page.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import { isSystemError } from '../host/files.ts';

const damaged = (message: string): PipelineError => new PipelineError('object-damaged', { message });

/**
 * Brings a file of the parent backup to the state of the delta, as WAL-G does: sets its size and writes the pages over
 * it. The increment is checked in full before its first byte is written, but for the pages themselves.
 *
 * @param memberBytes the size of the tar member that `content` is the content of
 * @param onWritten called with the number of bytes written since the last call
 * @throws 'object-damaged' for an increment that is none, or is one of another file, or a file that is not there
 */
export const applyIncrement = async (
  path: string,
  content: AsyncIterable<Uint8Array>,
  memberBytes: number,
  onWritten: (bytes: number) => void,
): Promise<void> => {
  const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW).catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT')) throw error;
    throw damaged(`there is no ${path} for the increment to build on`);
  });
  try {
    const written = readingBytes(content, (reader) => pagesInto(file, reader, memberBytes));
    for await (const pages of written) onWritten(pages.byteLength);
  } finally {
    await file.close();
  }
};

/** Yields what it has written. */
async function* pagesInto(
  file: FileHandle,
  reader: ByteReader,
  memberBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const whole = async (byteCount: number): Promise<Uint8Array> => {
    const bytes = await reader.take(byteCount);
    if (bytes.byteLength === byteCount) return bytes;
    throw damaged(`the increment ends at byte ${reader.position()} of ${memberBytes}`);
  };
  const head = parseIncrementHead(await reader.take(incrementHeadBytes), memberBytes);
  const runs = [...blockRuns(await whole(head.pages * blockNumberBytes))];
  await file.truncate(head.fileBytes);
  for (const { firstBlock, blocks } of runs) {
    const pages = await whole(blocks * pageBytes);
    for (let written = 0; written < pages.byteLength; ) {
      const place = firstBlock * pageBytes + written;
      written += (await file.write(pages, written, pages.byteLength - written, place)).bytesWritten;
    }
    yield pages;
  }
  if ((await reader.take(1)).byteLength > 0)
    throw damaged(`the increment goes on after ${memberBytes} bytes`);
}
