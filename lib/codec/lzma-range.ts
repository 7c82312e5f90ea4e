/**
 * The range decoder of LZMA, as the public domain LZMA specification of Igor Pavlov has it: every bit was coded with
 * the probability that it is 0, in units of 1/2048, and moves that probability towards what it turned out to be.
 */
export type RangeDecoder = {
  /** What can be read now; swapped for the next piece by `decodeSymbols`' caller. */
  input: Uint8Array;
  /** `range`, `code` and the place in `input`: in an array of their own, so that they stay machine words. */
  readonly registers: Uint32Array;
};

const range = 0;
const code = 1;
const place = 2;

/** What the first bytes of the stream hold, before any bit. The very first has to be 0. */
export const rangeHeadBytes = 5;

export const openRangeDecoder = (head: Uint8Array): RangeDecoder => {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return { input: new Uint8Array(0), registers: Uint32Array.of(0xffffffff, view.getUint32(1), 0) };
};

export const supplyInput = (decoder: RangeDecoder, input: Uint8Array): void => {
  decoder.input = input;
  decoder.registers[place] = 0;
};

/** How many bytes of the input are left; negative when more were asked for than there are. */
export const bytesLeft = (decoder: RangeDecoder): number =>
  decoder.input.byteLength - (decoder.registers[place] ?? 0);

/** True when everything that was coded has been decoded: what a sound stream has at its end. */
export const isCodeSpent = (decoder: RangeDecoder): boolean => decoder.registers[code] === 0;

/** Shifts in a byte when the range has become small. Behind the end of the input zeros are read, for `bytesLeft` to tell. */
const normalize = (
  decoder: RangeDecoder,
  registers: Uint32Array,
  newRange: number,
  newCode: number,
): void => {
  if (newRange >= 0x1000000) {
    registers[range] = newRange;
    registers[code] = newCode;
    return;
  }
  const at = registers[place] ?? 0;
  registers[range] = newRange << 8;
  registers[code] = (newCode << 8) | (decoder.input[at] ?? 0);
  registers[place] = at + 1;
};

export const decodeBit = (decoder: RangeDecoder, probabilities: Uint16Array, index: number): 0 | 1 => {
  const { registers } = decoder;
  const probability = probabilities[index] ?? 0;
  const oldRange = registers[range] ?? 0;
  const oldCode = registers[code] ?? 0;
  const bound = Math.imul(oldRange >>> 11, probability) >>> 0;
  if (oldCode < bound) {
    probabilities[index] = probability + ((2048 - probability) >> 5);
    normalize(decoder, registers, bound, oldCode);
    return 0;
  }
  probabilities[index] = probability - (probability >> 5);
  normalize(decoder, registers, oldRange - bound, oldCode - bound);
  return 1;
};

/** A number of `bitCount` bits, the highest first, each with a probability that depends on those before. */
export const decodeTree = (
  decoder: RangeDecoder,
  probabilities: Uint16Array,
  base: number,
  bitCount: number,
): number => {
  let node = 1;
  for (let bit = 0; bit < bitCount; bit += 1)
    node = (node << 1) | decodeBit(decoder, probabilities, base + node);
  return node - (1 << bitCount);
};

/** The same with the lowest bit first. */
export const decodeReverseTree = (
  decoder: RangeDecoder,
  probabilities: Uint16Array,
  base: number,
  bitCount: number,
): number => {
  let node = 1;
  let value = 0;
  for (let bit = 0; bit < bitCount; bit += 1) {
    const decoded = decodeBit(decoder, probabilities, base + node);
    node = (node << 1) | decoded;
    value |= decoded << bit;
  }
  return value;
};

/** A number of `bitCount` bits, the highest first, each as likely 0 as 1. */
export const decodeDirectBits = (decoder: RangeDecoder, bitCount: number): number => {
  const { registers } = decoder;
  let value = 0;
  for (let bit = 0; bit < bitCount; bit += 1) {
    const half = (registers[range] ?? 0) >>> 1;
    const oldCode = registers[code] ?? 0;
    const decoded = oldCode >= half ? 1 : 0;
    normalize(decoder, registers, half, decoded === 1 ? oldCode - half : oldCode);
    value = (value << 1) | decoded;
  }
  return value >>> 0;
};
