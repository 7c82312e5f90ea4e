import { readFileSync } from 'node:fs';
import { collect, type Transform } from '../../lib/codec/streams.ts';
import { isPipelineError } from '../../lib/core/errors.ts';

/** The fixtures of one format: what other programs packed, with the SHA-256 of what they packed. */
export const foreignFixtures = (format: string) => {
  const folder = new URL(`../fixtures/codec-foreign/${format}/`, import.meta.url);
  const read = (name: string): Buffer => readFileSync(new URL(name, folder));
  const list = read('plain.sha256')
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => ({ sha256: line.slice(0, 64), name: line.slice(66) }));
  return { list, read };
};

export const inChunks = async function* (
  bytes: Uint8Array,
  chunkBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.byteLength; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
};

export const passThrough = (transform: Transform, bytes: Uint8Array, chunkBytes = 4096): Promise<Buffer> =>
  collect(transform(inChunks(bytes, chunkBytes)));

export const isDamage = (thrown: unknown): boolean => isPipelineError(thrown, 'object-damaged');

export const isUnsupported = (thrown: unknown): boolean => isPipelineError(thrown, 'codec-unsupported');

/** A copy with one bit changed. */
export const withBitFlipped = (bytes: Uint8Array, place: number, bit = place % 8): Buffer => {
  const changed = Buffer.from(bytes);
  changed[place] = (changed[place] ?? 0) ^ (1 << bit);
  return changed;
};
