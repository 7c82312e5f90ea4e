import type { Transform } from '../../lib/codec/codec.ts';
import { type Codec, codecs } from '../../lib/core/archive/layout.ts';
import type { Clock, ObjectStore } from '../../lib/core/ports.ts';
import type { Log } from '../host/log.ts';
import type { RateLimit } from '../host/rate-limit.ts';
import type { Packing } from './object-packing.ts';

/** One cluster's archive as a command works on it: where its objects lie, how new ones are written, and who listens. */
export type Archive = {
  readonly store: ObjectStore;
  /** Where the agent remembers things between calls (host/state-file.ts), if anywhere. */
  readonly stateDirectory: string | undefined;
  /** What new objects are written with. */
  readonly codec: Codec;
  readonly encode: Transform;
  /** The same with another codec, for what is always written with one. */
  readonly encodeAs: (codec: Codec) => Transform;
  /** Undoes what the writer of an object with this codec's suffix did. */
  readonly decode: (codec: Codec) => Transform;
  /** Waits until so many bytes more may be read from the data directory. */
  readonly diskLimit: RateLimit;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export const openArchive = (parts: {
  readonly store: ObjectStore;
  readonly stateDirectory: string | undefined;
  readonly codec: Codec;
  readonly level: number | undefined;
  readonly packing: Packing;
  readonly diskLimit: RateLimit;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Archive => ({
  store: parts.store,
  stateDirectory: parts.stateDirectory,
  codec: parts.codec,
  encode: parts.packing.pack(parts.codec, parts.level),
  encodeAs: (codec) => parts.packing.pack(codec),
  decode: parts.packing.unpack,
  diskLimit: parts.diskLimit,
  clock: parts.clock,
  log: parts.log,
  signal: parts.signal,
});

/** Every codec that a WAL file may lie in the archive with, the likeliest first. */
export const codecsFrom = (first: Codec): readonly Codec[] => [
  first,
  ...codecs.filter((codec) => codec !== first),
];
