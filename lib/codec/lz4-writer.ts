import { compressSync } from 'lz4-napi';
import { storedBlockFlag } from './lz4-frame.ts';
import { rechunk, type Transform } from './streams.ts';
import { loadXxhash32 } from './xxhash32.ts';

/**
 * Version 1, independent blocks of up to 4 MiB, content checksum, no block checksums, no content size, no dictionary:
 * what pierrec/lz4, and so WAL-G, writes by default, whatever the length of the input.
 */
const header = Buffer.from('04224d186470b9', 'hex');
const blockBytes = 4 * 1024 * 1024;

/**
 * Exactly one frame, because WAL-G's reader stops without an error after the first of several.
 */
export const lz4Compress: Transform = async function* (source) {
  const contentHash = (await loadXxhash32()).create32();
  yield header;
  for await (const block of rechunk(source, blockBytes)) {
    contentHash.update(block);
    yield* encodeBlock(block);
  }
  const end = Buffer.alloc(8);
  end.writeUInt32LE(contentHash.digest(), 4);
  yield end;
};

/** The length field and the bytes of one block; not on a worker thread, for the reason that lz4-reader.ts gives. */
const encodeBlock = (block: Buffer): readonly Buffer[] => {
  // lz4-napi puts the plain length before the block; the frame's length field takes its place.
  const compressed = compressSync(block);
  const compressedBytes = compressed.byteLength - 4;
  if (compressedBytes < block.byteLength) {
    compressed.writeUInt32LE(compressedBytes);
    return [compressed];
  }
  const length = Buffer.alloc(4);
  length.writeUInt32LE(block.byteLength + storedBlockFlag);
  return [length, block];
};
