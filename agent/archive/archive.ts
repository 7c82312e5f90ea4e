import { compress, decompress, type Transform } from '../../lib/codec/codec.ts';
import { type Codec, codecs } from '../../lib/core/archive/layout.ts';
import type { Clock, ObjectStore } from '../../lib/core/ports.ts';
import type { Log } from '../host/log.ts';

/** One cluster's archive as a command works on it: where its objects lie, how new ones are written, and who listens. */
export type Archive = {
  readonly store: ObjectStore;
  /** Where the agent remembers things between calls (host/state-file.ts), if anywhere. */
  readonly stateDirectory: string | undefined;
  /** What new objects are written with. */
  readonly codec: Codec;
  readonly encode: Transform;
  /** Undoes what the writer of an object with this codec's suffix did. */
  readonly decode: (codec: Codec) => Transform;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export const openArchive = (parts: {
  readonly store: ObjectStore;
  readonly stateDirectory: string | undefined;
  readonly codec: Codec;
  readonly level: number | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Archive => ({
  store: parts.store,
  stateDirectory: parts.stateDirectory,
  codec: parts.codec,
  encode: compress(parts.codec, parts.level === undefined ? {} : { level: parts.level }),
  decode: decompress,
  clock: parts.clock,
  log: parts.log,
  signal: parts.signal,
});

/** Every codec that a WAL file may lie in the archive with, the likeliest first. */
export const codecsFrom = (first: Codec): readonly Codec[] => [
  first,
  ...codecs.filter((codec) => codec !== first),
];
