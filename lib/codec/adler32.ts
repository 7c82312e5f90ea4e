const modulus = 65521;

// The most bytes after which the larger sum still fits 32 bits signed, so that the engine keeps both as small integers.
const bytesPerReduction = 3800;

/** Adler-32 as RFC 1950, section 9 defines it; node:zlib offers CRC-32 only. */
export const adler32 = (bytes: Uint8Array): number => {
  let low = 1;
  let high = 0;
  for (let begin = 0; begin < bytes.byteLength; begin += bytesPerReduction) {
    const end = Math.min(begin + bytesPerReduction, bytes.byteLength);
    for (let at = begin; at < end; at += 1) {
      low = (low + (bytes[at] ?? 0)) | 0;
      high = (high + low) | 0;
    }
    low %= modulus;
    high %= modulus;
  }
  return high * 65536 + low;
};
