import type { Branded } from './brand.ts';

/**
 * Every need of the core that lies outside it. Adapters live in lib/local and lib/aws, fakes in test/fakes, and every
 * one of them passes the contract suite of its port in test/contracts.
 */

/** A key relative to the archive's prefix, without a leading slash. Made and read only in lib/core/archive. */
export type ObjectKey = Branded<string, 'ObjectKey'>;

/** Whole bytes, or a stream of them whose length nobody knows yet. A stream is read once, from begin to end. */
export type ByteSource = Uint8Array | AsyncIterable<Uint8Array>;

/** What a store tells of an object without reading it. */
export type ObjectFacts = {
  readonly key: ObjectKey;
  readonly objectBytes: number;
  /** When the store wrote it. A hint for people and for order among strangers; never what decides about a backup. */
  readonly modifiedAt: Date;
  /** Opaque; changes whenever the content may have changed (an ETag, an inode with its change time). */
  readonly version: string;
};

export type OpenObject = { readonly facts: ObjectFacts; readonly content: AsyncIterable<Uint8Array> };

/** A "folder" that a listing with a delimiter folds together, with its final slash. */
export type FolderEntry = { readonly folder: string };
export type ListEntry = ObjectFacts | FolderEntry;

export type ByteRange = { readonly start: number /** Exclusive. */; readonly end?: number };
export type CallOptions = { readonly signal?: AbortSignal | undefined };

/**
 * One archive's objects. The rules that every adapter keeps:
 *
 * - `create` never replaces an object. It resolves with 'created' only when the bytes are durable (fsynced, or
 *   acknowledged by the store), and an object is seen whole or not at all, whatever dies in the middle. Of several
 *   concurrent creators of one key exactly one sees 'created'. When the source throws or the signal aborts, nothing
 *   appears under the key, and the source's own error is what the caller sees.
 * - `replace` is for the few small documents that change (a permanence mark); it is atomic and durable too.
 * - `undefined` from `open` and `stat` is *proven* absence: the store was reached, may be listed, and has no such
 *   object. A missing root directory, a missing bucket, a 403 without permission to list, a time-out: all throw.
 * - `open` yields exactly the object's bytes or throws; a stream cut short throws 'store-unavailable'.
 * - `list` yields keys in ascending order of their UTF-8 bytes, and folders in their place among them.
 * - `remove` takes the version that the caller saw and removes nothing else.
 * - Errors are `PipelineError`s: 'store-unavailable' (may heal), 'store-denied', 'store-misconfigured', 'key-refused'
 *   (a key that would leave the archive: empty, absolute, with `..` or an empty step, or over 1,024 bytes).
 */
export type ObjectStore = {
  /** Where this is, for people and log lines: a URL without secrets. */
  readonly location: string;
  /**
   * Each call is a request over a network, with a price and a round trip, and a listing costs what it yields. Where this
   * is false calls are nearly free, but a listing may read the whole folder that it looks into.
   */
  readonly isMetered: boolean;
  create(key: ObjectKey, body: ByteSource, options?: CallOptions): Promise<'created' | 'exists'>;
  replace(key: ObjectKey, body: Uint8Array, options?: CallOptions): Promise<void>;
  open(
    key: ObjectKey,
    options?: CallOptions & { readonly range?: ByteRange },
  ): Promise<OpenObject | undefined>;
  stat(key: ObjectKey, options?: CallOptions): Promise<ObjectFacts | undefined>;
  /** `prefix` is compared as text and need not end at a slash; `startAfter` is exclusive. */
  list(
    prefix: string,
    options?: CallOptions & { readonly startAfter?: string; readonly delimiter?: '/' },
  ): AsyncIterable<ListEntry>;
  remove(
    key: ObjectKey,
    seen: { readonly version: string },
    options?: CallOptions,
  ): Promise<'removed' | 'absent' | 'changed'>;
  /**
   * For a store whose word about `create` has to be tested before it is trusted: writes the probes, tries to overwrite
   * them, and throws 'store-misconfigured' when that succeeds. Called before an archive is claimed.
   */
  proveNoOverwrite?(
    probes: { readonly whole: ObjectKey; readonly inParts: ObjectKey },
    options?: CallOptions,
  ): Promise<void>;
  /** Gives back connections and temporary files. Idempotent. */
  close(): Promise<void>;
};

/** Time, so that nothing in the core reads it by itself. `sleep` ends early, by throwing the reason, on abort. */
export type Clock = {
  now(): Date;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};
