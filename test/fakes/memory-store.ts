import { parseObjectKey } from '../../lib/core/archive/object-key.ts';
import type {
  ByteSource,
  CallOptions,
  ListEntry,
  ObjectFacts,
  ObjectKey,
  ObjectStore,
} from '../../lib/core/ports.ts';

type Held = { readonly facts: ObjectFacts; readonly bytes: Uint8Array };

/** An archive in memory, whose bytes a test may look at and spoil behind the store's back. */
export type MemoryStore = ObjectStore & {
  /** What lies under the key, or `undefined`; without the store's own rules about keys. */
  bytesOf(key: string): Uint8Array | undefined;
  /** Puts other bytes under the key, as a failing disk does: the store tells of them as if they had always been there. */
  corrupt(key: string, spoil: (bytes: Buffer) => Uint8Array): void;
};

export const openMemoryStore = (options: { readonly chunkBytes?: number } = {}): MemoryStore => {
  const { chunkBytes = 64 * 1024 } = options;
  const objects = new Map<string, Held>();
  let writes = 0;

  const hold = (key: ObjectKey, bytes: Uint8Array): void => {
    writes += 1;
    // Seconds apart, so that order by time is order of writing, and no clock is needed.
    const modifiedAt = new Date(Date.UTC(2024, 0, 1) + writes * 1000);
    objects.set(key, {
      bytes,
      facts: { key, objectBytes: bytes.byteLength, modifiedAt, version: `write-${writes}` },
    });
  };

  return {
    location: 'memory:',
    isMetered: false,
    create: async (key, body, call) => {
      begin(key, call);
      if (objects.has(key)) return 'exists';
      const bytes = await readWhole(body, call?.signal);
      if (objects.has(key)) return 'exists';
      hold(key, bytes);
      return 'created';
    },
    replace: async (key, body, call) => {
      begin(key, call);
      hold(key, Buffer.from(body));
    },
    open: async (key, call) => {
      begin(key, call);
      const held = objects.get(key);
      if (held === undefined) return undefined;
      const bytes = held.bytes.subarray(call?.range?.start ?? 0, call?.range?.end);
      return { facts: held.facts, content: inChunks(bytes, chunkBytes, call?.signal) };
    },
    stat: async (key, call) => {
      begin(key, call);
      return objects.get(key)?.facts;
    },
    list: (prefix, call) => listHeld(objects, prefix, call),
    remove: async (key, seen, call) => {
      begin(key, call);
      const held = objects.get(key);
      if (held === undefined) return 'absent';
      if (held.facts.version !== seen.version) return 'changed';
      objects.delete(key);
      return 'removed';
    },
    close: async () => undefined,
    bytesOf: (key) => objects.get(key)?.bytes,
    corrupt: (key, spoil) => {
      const held = objects.get(key);
      if (held === undefined) throw new Error(`the test spoils ${key}, which is not there`);
      const bytes = spoil(Buffer.from(held.bytes));
      objects.set(key, { bytes, facts: { ...held.facts, objectBytes: bytes.byteLength } });
    },
  };
};

const begin = (key: ObjectKey, call: CallOptions | undefined): void => {
  parseObjectKey(key);
  call?.signal?.throwIfAborted();
};

const readWhole = async (body: ByteSource, signal: AbortSignal | undefined): Promise<Uint8Array> => {
  if (body instanceof Uint8Array) return Buffer.from(body);
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  const abort = () => aborted.reject(signal?.reason);
  signal?.addEventListener('abort', abort);
  const iterator = body[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted.promise]);
      if (next.done === true) return Buffer.concat(chunks);
      chunks.push(Buffer.from(next.value));
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    iterator.return?.().catch(() => undefined);
  }
};

const inChunks = async function* (bytes: Uint8Array, chunkBytes: number, signal: AbortSignal | undefined) {
  for (let at = 0; at < bytes.byteLength; at += chunkBytes) {
    signal?.throwIfAborted();
    yield Buffer.from(bytes.subarray(at, at + chunkBytes));
  }
};

const listHeld = async function* (
  objects: ReadonlyMap<string, Held>,
  prefix: string,
  call: Parameters<ObjectStore['list']>[1] = {},
): AsyncGenerator<ListEntry, void, undefined> {
  const { startAfter = '', delimiter, signal } = call;
  let lastFolder: string | undefined;
  for (const key of [...objects.keys()].sort(compareBytes)) {
    signal?.throwIfAborted();
    const held = objects.get(key);
    if (held === undefined || !key.startsWith(prefix) || compareBytes(key, startAfter) <= 0) continue;
    const slash = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
    if (slash === -1) {
      yield held.facts;
      continue;
    }
    const folder = key.slice(0, slash + 1);
    if (folder !== lastFolder) yield { folder };
    lastFolder = folder;
  }
};

const compareBytes = (left: string, right: string): number =>
  Buffer.compare(Buffer.from(left), Buffer.from(right));
