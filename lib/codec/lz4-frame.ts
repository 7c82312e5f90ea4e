/**
 * The LZ4 frame format, v1.6.x: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 *
 * Numbers are little-endian. A frame is a magic number, a descriptor, blocks that each begin with their length, an end
 * mark (a length of zero) and, when the descriptor says so, the xxh32 of the content.
 */
export const frameMagic = 0x184d2204;
export const legacyFrameMagic = 0x184c2102;

/** Frames of user data with any of sixteen magic numbers, whose content a decoder steps over. */
export const isSkippableMagic = (magic: number): boolean => (magic & 0xfffffff0) === 0x184d2a50;

/** Set in a block's length when the block is stored as it is. */
export const storedBlockFlag = 0x80000000;

/** Linked blocks refer back at most this far (and never over the begin of their frame). */
export const windowBytes = 64 * 1024;

export type FrameDescriptor = {
  readonly areBlocksLinked: boolean;
  readonly hasBlockChecksums: boolean;
  readonly hasContentChecksum: boolean;
  readonly hasContentBytes: boolean;
  readonly hasDictionary: boolean;
  /** What no block of the frame exceeds, before compression. */
  readonly maximumBlockBytes: number;
};

/** Reads the FLG and BD bytes. A text says what is wrong with them. */
export const parseFrameFlags = (flg: number, bd: number): FrameDescriptor | string => {
  if (flg >> 6 !== 1) return `has version ${flg >> 6}, not 1`;
  if ((flg & 0x02) !== 0 || (bd & 0x8f) !== 0) return 'has reserved bits set';
  const blockCode = bd >> 4;
  if (blockCode < 4) return `has the unknown block size code ${blockCode}`;
  return {
    areBlocksLinked: (flg & 0x20) === 0,
    hasBlockChecksums: (flg & 0x10) !== 0,
    hasContentBytes: (flg & 0x08) !== 0,
    hasContentChecksum: (flg & 0x04) !== 0,
    hasDictionary: (flg & 0x01) !== 0,
    maximumBlockBytes: 2 ** (8 + 2 * blockCode),
  };
};
