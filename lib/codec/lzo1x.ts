/** The distance with which a copy instruction of the far kind means the end of the block instead. */
const endOfBlock = 16384;

/** How many bytes the shortest ending takes: every instruction but the last is followed by at least these. */
const endBytes = 3;

// Below this length a loop is faster than the call into the engine's memmove.
const shortCopyBytes = 24;

/** The instruction that follows a run of four literals or more; below it, the number of literals before. */
const afterRun = 4;

/**
 * Unpacks one LZO1X block into `target`, which it has to fill exactly, and returns what is wrong with the block, or
 * `undefined`. One decoder does for LZO1X-1, LZO1X-1(15) and LZO1X-999, which differ only in how they look for
 * matches. Every read and every copy is bounded, and each turn of the loop consumes input, so that it ends on any
 * input.
 *
 * A block is a run of instructions. By its first byte `c`:
 *
 * - 0..15 after no literals: a run of `c` + 3 literals (0: an extended length, from 18)
 * - 0..15 after 1 to 3 literals: copy 2 bytes from up to 1 KiB back
 * - 0..15 after a run: copy 3 bytes from 2 to 3 KiB back
 * - 16..31: copy from 16 to 48 KiB back, or the end
 * - 32..63: copy from up to 16 KiB back
 * - 64..255: copy 3 to 8 bytes from up to 2 KiB back
 *
 * The two low bits of a copy's last offset byte say how many literals (0 to 3) follow it.
 */
export const unpackLzo1x = (source: Uint8Array, target: Uint8Array): string | undefined => {
  const targetBytes = target.byteLength;
  const lastInstruction = source.byteLength - endBytes;
  let read = 0;
  let written = 0;
  let literals = 0; // that the instruction before left to copy
  let state = 0;

  const first = source[0] ?? 0;
  if (first > 17) {
    literals = first - 17;
    read = 1;
    state = Math.min(literals, afterRun);
  }

  for (;;) {
    if (literals > 0) {
      if (read + literals > lastInstruction) return `ends inside the literals at byte ${read}`;
      if (written + literals > targetBytes) return `holds more than the ${targetBytes} bytes that it claims`;
      copyLiterals(source, read, literals, target, written);
      read += literals;
      written += literals;
    }
    if (read > lastInstruction) return `ends at byte ${read} without an end mark`;

    const c = source[read] ?? 0;
    read += 1;
    if (c < 16 && state === 0) {
      literals = c + 3;
      if (c === 0) {
        const end = endOfZeros(source, read);
        literals = 18 + 255 * (end - read) + (source[end] ?? 0);
        read = end + 1;
      }
      state = afterRun;
      continue;
    }

    let length: number;
    let distance: number;
    let tail = c;
    if (c >= 64) {
      length = (c >> 5) + 1;
      distance = ((source[read] ?? 0) << 3) + ((c >> 2) & 7) + 1;
      read += 1;
    } else if (c < 16) {
      const isAfterRun = state === afterRun;
      length = isAfterRun ? 3 : 2;
      distance = ((source[read] ?? 0) << 2) + (c >> 2) + (isAfterRun ? 2049 : 1);
      read += 1;
    } else {
      const lengthMask = c >= 32 ? 31 : 7;
      length = (c & lengthMask) + 2;
      if (length === 2) {
        const end = endOfZeros(source, read);
        length = lengthMask + 2 + 255 * (end - read) + (source[end] ?? 0);
        read = end + 1;
      }
      tail = source[read] ?? 0;
      distance = (tail >> 2) + ((source[read + 1] ?? 0) << 6);
      read += 2;
      if (c >= 32) {
        distance += 1;
      } else {
        distance += endOfBlock + ((c & 8) << 11);
        if (distance === endOfBlock) return checkEnd(source, read, target, written);
      }
    }
    if (distance > written) return `copies from before its begin at byte ${read}`;
    if (written + length > targetBytes) return `holds more than the ${targetBytes} bytes that it claims`;
    copyMatch(target, written, distance, length);
    written += length;
    literals = tail & 3;
    state = literals;
  }
};

const copyLiterals = (
  source: Uint8Array,
  read: number,
  length: number,
  target: Uint8Array,
  written: number,
): void => {
  if (length > shortCopyBytes) {
    target.set(source.subarray(read, read + length), written);
    return;
  }
  for (let offset = 0; offset < length; offset += 1) target[written + offset] = source[read + offset] ?? 0;
};

const copyMatch = (target: Uint8Array, written: number, distance: number, length: number): void => {
  const from = written - distance;
  if (length > shortCopyBytes && distance >= length) {
    target.copyWithin(written, from, from + length);
    return;
  }
  // A copy that reaches into its own output repeats it, which only a forward loop does.
  for (let offset = 0; offset < length; offset += 1) target[written + offset] = target[from + offset] ?? 0;
};

/** The place of the first byte from `begin` on that is not zero, or the end: each zero adds 255 to a length. */
const endOfZeros = (source: Uint8Array, begin: number): number => {
  let at = begin;
  while (source[at] === 0) at += 1;
  return at;
};

const checkEnd = (
  source: Uint8Array,
  read: number,
  target: Uint8Array,
  written: number,
): string | undefined => {
  if (read !== source.byteLength) return `has its end mark at byte ${read} of ${source.byteLength}`;
  if (written !== target.byteLength)
    return `holds ${written} of the ${target.byteLength} bytes that it claims`;
  return undefined;
};
