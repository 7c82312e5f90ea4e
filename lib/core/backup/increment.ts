import { PipelineError } from '../errors.ts';
import { pageBytes } from './page.ts';

/**
 * The increment that WAL-G stores of a file in a delta backup instead of the file: `w` `i` `1` `U`, the size of the file
 * (8 bytes), the number of pages (4), their block numbers in the file (4 each), then the pages. Little endian, without a
 * checksum of its own.
 */
export type IncrementHead = {
  /** The file's size when WAL-G looked at it, before it read the pages. */
  readonly fileBytes: number;
  readonly pages: number;
};

export const incrementHeadBytes = 16;
export const blockNumberBytes = 4;

// PostgreSQL's files of a relation have 1 GiB; builds with larger ones exist. This bounds memory to 16 MiB.
const maxFileBytes = 2 ** 35;

const damaged = (message: string): PipelineError => new PipelineError('object-damaged', { message });

/**
 * @param memberBytes the size of the tar member that is the increment
 * @throws 'object-damaged' unless it is an increment of exactly that size
 */
export const parseIncrementHead = (head: Uint8Array, memberBytes: number): IncrementHead => {
  if (head.byteLength < incrementHeadBytes)
    throw damaged(`an increment of ${memberBytes} bytes is cut short`);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (view.getUint32(0) !== 0x77693155) throw damaged('the increment does not begin with "wi1U"');
  const fileBytes = Number(view.getBigUint64(4, true));
  const pages = view.getUint32(12, true);
  if (fileBytes > maxFileBytes || fileBytes % pageBytes !== 0) {
    throw damaged(`the increment makes a file of ${fileBytes} bytes, which is no number of pages`);
  }
  const wantedBytes = incrementHeadBytes + pages * (blockNumberBytes + pageBytes);
  if (pages > maxFileBytes / pageBytes || wantedBytes !== memberBytes) {
    throw damaged(`the increment has ${memberBytes} bytes and should have ${wantedBytes} for ${pages} pages`);
  }
  return { fileBytes, pages };
};

/** A run of neighbouring blocks. */
export type BlockRun = { readonly firstBlock: number; readonly blocks: number };

const maxRunBlocks = 128;

/**
 * The block numbers as runs in the order of their pages, so that a run is one write of at most a mebibyte. Blocks beyond
 * `fileBytes` are sound: the file grew while WAL-G read it, and replay writes them once more.
 *
 * @throws 'object-damaged' for a block that no file can have
 */
export function* blockRuns(numbers: Uint8Array): Generator<BlockRun, void, undefined> {
  const view = new DataView(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  let firstBlock = 0;
  let blocks = 0;
  for (let offset = 0; offset < numbers.byteLength; offset += blockNumberBytes) {
    const block = view.getUint32(offset, true);
    if (block >= maxFileBytes / pageBytes) throw damaged(`the increment has a page for block ${block}`);
    if (blocks > 0 && block === firstBlock + blocks && blocks < maxRunBlocks) {
      blocks += 1;
      continue;
    }
    if (blocks > 0) yield { firstBlock, blocks };
    firstBlock = block;
    blocks = 1;
  }
  if (blocks > 0) yield { firstBlock, blocks };
}
