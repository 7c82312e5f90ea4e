/** What each codec that walwarden writes with puts behind a key. */
export const suffixes = { lz4: '.lz4', zstd: '.zst', brotli: '.br', none: '' } as const;
export type WrittenCodec = keyof typeof suffixes;
export const writtenCodecs = ['lz4', 'zstd', 'brotli', 'none'] as const satisfies readonly WrittenCodec[];

/** A copy with one bit flipped in the byte at that place. */
export const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(at) ^ 0x10, at);
  return copy;
};

/** What was done to an object, and what it is then. */
export type Damage = readonly [what: string, damaged: Buffer];
