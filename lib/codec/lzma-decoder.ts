import {
  bytesLeft,
  decodeBit,
  decodeDirectBits,
  decodeReverseTree,
  decodeTree,
  isCodeSpent,
  openRangeDecoder,
  type RangeDecoder,
} from './lzma-range.ts';

/** The longest match. */
const maximumMatchBytes = 273;

/** No symbol takes more bytes of input (LZMA_REQUIRED_INPUT_MAX of the LZMA SDK). */
const maximumSymbolBytes = 20;

/** A distance that means the end of the stream. */
const endMarker = 0xffffffff;

/** How much is decoded before it is handed out. */
const outputBytes = 256 * 1024;

// The probabilities lie in one array; these are the places where each model begins.
const isMatch = 0; // by state and position
const isRep = isMatch + 12 * 16; // by state, as the next three
const isRepFirst = isRep + 12;
const isRepSecond = isRepFirst + 12;
const isRepThird = isRepSecond + 12;
const isRepLong = isRepThird + 12; // by state and position
const distanceSlot = isRepLong + 12 * 16; // four trees of 6 bits, by length
const distanceSpecial = distanceSlot + 4 * 64;
const distanceAlign = distanceSpecial + 115;
const matchLength = distanceAlign + 16;
const lengthModels = 2 + 16 * 8 + 16 * 8 + 256;
const repLength = matchLength + lengthModels;
const literal = repLength + lengthModels;

export type LzmaProperties = {
  /** How many high bits of the byte before select the model of a literal. */
  readonly literalContextBits: number;
  /** How many low bits of the position select it. */
  readonly literalPositionBits: number;
  /** How many low bits of the position select the models of matches. */
  readonly positionBits: number;
  /** How far back a match may reach. */
  readonly dictionaryBytes: number;
};

export type LzmaDecoder = {
  readonly range: RangeDecoder;
  readonly probabilities: Uint16Array;
  readonly properties: LzmaProperties;
  /** The dictionary, with what was decoded last and not handed out yet at its end. */
  readonly window: Uint8Array;
  windowEnd: number;
  handedOut: number;
  /** What kinds the last symbols were, 0 to 11; below 7 the last one was a literal. */
  state: number;
  /** The four last distances, less one. */
  rep0: number;
  rep1: number;
  rep2: number;
  rep3: number;
};

/** @param head the first `rangeHeadBytes` behind the header of the stream */
export const openLzmaDecoder = (head: Uint8Array, properties: LzmaProperties): LzmaDecoder => {
  const literals = 0x300 << (properties.literalContextBits + properties.literalPositionBits);
  // The dictionary is moved down when the window is full: with a quarter of it to spare that is seldom.
  const spareBytes = outputBytes + maximumMatchBytes + (properties.dictionaryBytes >> 2);
  return {
    range: openRangeDecoder(head),
    probabilities: new Uint16Array(literal + literals).fill(1024),
    properties,
    window: Buffer.allocUnsafeSlow(properties.dictionaryBytes + spareBytes),
    windowEnd: 0,
    handedOut: 0,
    state: 0,
    rep0: 0,
    rep1: 0,
    rep2: 0,
    rep3: 0,
  };
};

/**
 * - `more-output`: a piece is decoded; take it and call again
 * - `more-input`: the input is all but used up
 * - `end-marker`, `end`: the stream is over, by its marker or by the length that is known
 * - `wrong`: damage
 */
export type Outcome = 'more-output' | 'more-input' | 'end-marker' | 'end' | 'wrong';

/**
 * Decodes until there is reason to stop. Never more than `plainBytesLeft` bytes; at that length only the end is
 * accepted.
 */
export const decodeSymbols = (
  decoder: LzmaDecoder,
  input: { readonly plainBytesLeft: number; readonly isLast: boolean },
): Outcome => {
  const begin = decoder.windowEnd;
  const limit = begin + input.plainBytesLeft;
  const outputLimit = begin + outputBytes;
  const { range } = decoder;
  for (;;) {
    if (decoder.windowEnd === limit && isCodeSpent(range)) return 'end';
    if (decoder.windowEnd >= outputLimit) return 'more-output';
    const left = bytesLeft(range);
    if (left < maximumSymbolBytes && !input.isLast) return 'more-input';
    const outcome = decodeSymbol(decoder, limit);
    if (bytesLeft(range) < 0) return 'wrong';
    if (outcome === 'end-marker') return isCodeSpent(range) ? 'end-marker' : 'wrong';
    if (outcome === 'wrong') return 'wrong';
  }
};

/** What was decoded since the last call, as a copy of its own; makes room for the next piece. */
export const takeOutput = (decoder: LzmaDecoder): Uint8Array => {
  const { window, properties } = decoder;
  const output = Uint8Array.prototype.slice.call(window, decoder.handedOut, decoder.windowEnd);
  if (decoder.windowEnd + outputBytes + maximumMatchBytes > window.byteLength) {
    // By a multiple of 16, so that the low bits of the place stay those of the position in the stream.
    const gone = (decoder.windowEnd - properties.dictionaryBytes) & ~15;
    window.copyWithin(0, gone, decoder.windowEnd);
    decoder.windowEnd -= gone;
  }
  decoder.handedOut = decoder.windowEnd;
  return output;
};

const decodeSymbol = (decoder: LzmaDecoder, limit: number): 'decoded' | 'end-marker' | 'wrong' => {
  const { range, probabilities, properties, state } = decoder;
  const position = decoder.windowEnd & ((1 << properties.positionBits) - 1);
  if (decodeBit(range, probabilities, isMatch + (state << 4) + position) === 0) {
    if (decoder.windowEnd === limit) return 'wrong';
    decodeLiteral(decoder);
    return 'decoded';
  }

  let length: number;
  if (decodeBit(range, probabilities, isRep + state) === 0) {
    length = decodeLength(decoder, matchLength, position);
    const distance = decodeDistance(decoder, length);
    if (distance === endMarker) return 'end-marker';
    decoder.rep3 = decoder.rep2;
    decoder.rep2 = decoder.rep1;
    decoder.rep1 = decoder.rep0;
    decoder.rep0 = distance;
    decoder.state = state < 7 ? 7 : 10;
  } else if (decodeRepeatedDistance(decoder, position)) {
    length = 1;
    decoder.state = state < 7 ? 9 : 11;
  } else {
    length = decodeLength(decoder, repLength, position);
    decoder.state = state < 7 ? 8 : 11;
  }
  return copyMatch(decoder, length, limit) ? 'decoded' : 'wrong';
};

const decodeLiteral = (decoder: LzmaDecoder): void => {
  const { range, probabilities, window, windowEnd, state } = decoder;
  const { literalContextBits, literalPositionBits } = decoder.properties;
  const before = windowEnd === 0 ? 0 : (window[windowEnd - 1] ?? 0);
  const context =
    ((windowEnd & ((1 << literalPositionBits) - 1)) << literalContextBits) +
    (before >> (8 - literalContextBits));
  const base = literal + 0x300 * context;
  let node = 1;
  if (state >= 7) {
    // After a match the byte that would have continued it is likely wrong, and so its bits select the model.
    let expected = window[windowEnd - decoder.rep0 - 1] ?? 0;
    while (node < 0x100) {
      const expectedBit = (expected >> 7) & 1;
      expected <<= 1;
      const bit = decodeBit(range, probabilities, base + ((1 + expectedBit) << 8) + node);
      node = (node << 1) | bit;
      if (bit !== expectedBit) break;
    }
  }
  while (node < 0x100) node = (node << 1) | decodeBit(range, probabilities, base + node);
  window[windowEnd] = node;
  decoder.windowEnd = windowEnd + 1;
  decoder.state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
};

const decodeLength = (decoder: LzmaDecoder, base: number, position: number): number => {
  const { range, probabilities } = decoder;
  if (decodeBit(range, probabilities, base) === 0) {
    return 2 + decodeTree(range, probabilities, base + 2 + (position << 3), 3);
  }
  if (decodeBit(range, probabilities, base + 1) === 0) {
    return 10 + decodeTree(range, probabilities, base + 2 + 128 + (position << 3), 3);
  }
  return 18 + decodeTree(range, probabilities, base + 2 + 256, 8);
};

const decodeDistance = (decoder: LzmaDecoder, length: number): number => {
  const { range, probabilities } = decoder;
  const slot = decodeTree(range, probabilities, distanceSlot + (Math.min(length - 2, 3) << 6), 6);
  if (slot < 4) return slot;
  const lowBits = (slot >> 1) - 1;
  const high = ((2 | (slot & 1)) << lowBits) >>> 0;
  if (slot < 14)
    return high + decodeReverseTree(range, probabilities, distanceSpecial + high - slot, lowBits);
  const middle = decodeDirectBits(range, lowBits - 4) * 16;
  return high + middle + decodeReverseTree(range, probabilities, distanceAlign, 4);
};

/** Brings the distance that is used again to the front; true when a single byte is copied from the last one. */
const decodeRepeatedDistance = (decoder: LzmaDecoder, position: number): boolean => {
  const { range, probabilities, state } = decoder;
  if (decodeBit(range, probabilities, isRepFirst + state) === 0) {
    return decodeBit(range, probabilities, isRepLong + (state << 4) + position) === 0;
  }
  let distance = decoder.rep1;
  if (decodeBit(range, probabilities, isRepSecond + state) === 1) {
    distance = decoder.rep2;
    if (decodeBit(range, probabilities, isRepThird + state) === 1) {
      distance = decoder.rep3;
      decoder.rep3 = decoder.rep2;
    }
    decoder.rep2 = decoder.rep1;
  }
  decoder.rep1 = decoder.rep0;
  decoder.rep0 = distance;
  return false;
};

/** False for a copy from before the begin of the stream or the dictionary, or over the known end. */
const copyMatch = (decoder: LzmaDecoder, length: number, limit: number): boolean => {
  const { window, windowEnd, rep0 } = decoder;
  if (rep0 >= windowEnd || rep0 >= decoder.properties.dictionaryBytes) return false;
  const end = windowEnd + length;
  if (end > limit) return false;
  // A copy may reach into its own output and then repeats it, which only a forward loop does.
  for (let at = windowEnd; at < end; at += 1) window[at] = window[at - rep0 - 1] ?? 0;
  decoder.windowEnd = end;
  return true;
};
