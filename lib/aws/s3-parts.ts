/** A stretch of a body. `isLast` tells that nothing follows. */
export type BodyPart = { readonly bytes: Uint8Array; readonly isLast: boolean };

const firstBufferBytes = 64 * 1024;

/**
 * Copies a stream into buffers of `partBytes`, the last one shorter. A part is held back until it is known whether
 * anything follows it, so a body of exactly one part is seen as such. An empty stream is one empty part.
 *
 * The copy makes each part one piece that can be sent again, whatever the source does with its chunks afterwards.
 */
export async function* gatherParts(
  source: AsyncIterable<Uint8Array>,
  partBytes: number,
): AsyncGenerator<BodyPart, void, undefined> {
  // Grows with its content: most bodies are far smaller than a part.
  let buffer = Buffer.alloc(0);
  let filled = 0;
  for await (const chunk of source) {
    let rest = chunk;
    while (rest.byteLength > 0) {
      if (filled === partBytes) {
        yield { bytes: buffer, isLast: false };
        buffer = Buffer.allocUnsafeSlow(partBytes);
        filled = 0;
      }
      const taken = rest.subarray(0, partBytes - filled);
      if (filled + taken.byteLength > buffer.byteLength) {
        const doubled = Math.max(firstBufferBytes, buffer.byteLength * 2, filled + taken.byteLength);
        const larger = Buffer.allocUnsafeSlow(Math.min(partBytes, doubled));
        larger.set(buffer.subarray(0, filled));
        buffer = larger;
      }
      buffer.set(taken, filled);
      filled += taken.byteLength;
      rest = rest.subarray(taken.byteLength);
    }
  }
  yield { bytes: buffer.subarray(0, filled), isLast: true };
}

/** The parts of what lies in memory already, without a copy. */
export async function* cutParts(
  bytes: Uint8Array,
  partBytes: number,
): AsyncGenerator<BodyPart, void, undefined> {
  let start = 0;
  do {
    const end = Math.min(start + partBytes, bytes.byteLength);
    yield { bytes: bytes.subarray(start, end), isLast: end === bytes.byteLength };
    start = end;
  } while (start < bytes.byteLength);
}
