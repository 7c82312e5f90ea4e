/** The Castagnoli polynomial, bits reversed (RFC 3720, appendix B.4; PostgreSQL src/port/pg_crc32c_sb8.c). */
const polynomial = 0x82f63b78;

/**
 * Eight rows of 256: row k holds the effect of a byte that k more bytes follow, so that one step takes eight bytes.
 */
const table = (() => {
  const rows = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ polynomial;
    rows[byte] = crc;
  }
  for (let index = 256; index < rows.length; index += 1) {
    const crc = rows[index - 256] ?? 0;
    rows[index] = (crc >>> 8) ^ (rows[crc & 0xff] ?? 0);
  }
  return rows;
})();

/**
 * CRC-32C as PostgreSQL computes it over pg_control and WAL records, as an unsigned number. To go on over further
 * bytes, hand the result back as `before`: `crc32c(b, crc32c(a))` is the checksum of a followed by b.
 */
export const crc32c = (bytes: Uint8Array, before = 0): number => {
  const end = bytes.byteLength;
  const wholeEnd = end - (end % 8);
  let crc = ~before;
  let at = 0;
  for (; at < wholeEnd; at += 8) {
    crc ^=
      byteAt(bytes, at) |
      (byteAt(bytes, at + 1) << 8) |
      (byteAt(bytes, at + 2) << 16) |
      (byteAt(bytes, at + 3) << 24);
    crc =
      entry(7, crc & 0xff) ^
      entry(6, (crc >>> 8) & 0xff) ^
      entry(5, (crc >>> 16) & 0xff) ^
      entry(4, crc >>> 24) ^
      entry(3, byteAt(bytes, at + 4)) ^
      entry(2, byteAt(bytes, at + 5)) ^
      entry(1, byteAt(bytes, at + 6)) ^
      entry(0, byteAt(bytes, at + 7));
  }
  for (; at < end; at += 1) crc = (crc >>> 8) ^ entry(0, (crc ^ byteAt(bytes, at)) & 0xff);
  return ~crc >>> 0;
};

const byteAt = (bytes: Uint8Array, index: number): number => bytes[index] ?? 0;

const entry = (row: number, byte: number): number => table[row * 256 + byte] ?? 0;
