import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import tar from 'tar-stream';
import type { Transform } from '../../lib/codec/codec.ts';
import { withDigest } from '../../lib/codec/streams.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import type { CallOptions, ObjectKey, ObjectStore } from '../../lib/core/ports.ts';
import { isSystemError } from '../host/files.ts';
import type { CopyEntry } from './cluster-files.ts';
import { nameTaken } from './name-taken.ts';
import type { PageCheck } from './page-check.ts';

/** A file as it went into a part. */
export type WrittenFile = {
  /** Relative to the data directory, `pg_tblspc/<oid>/...` for a tablespace. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly modifiedAt: Date;
};

/** A part as it lies in the archive. */
export type WrittenPart = {
  readonly object: string;
  readonly objectBytes: number;
  readonly sha256: string;
  readonly tarBytes: number;
  readonly files: readonly WrittenFile[];
};

export type PartWriter = {
  readonly store: ObjectStore;
  readonly encode: Transform;
  readonly pages: PageCheck;
  /** Waits until so many bytes more may be read from disk. */
  readonly readLimit: (bytes: number) => Promise<void>;
  /** Called with the number of file bytes read since the last call. */
  readonly onRead: (bytes: number) => void;
  /** Called with the path of a file that was there when the directory was listed and is gone now. */
  readonly onVanished: (path: string) => void;
};

const chunkBytes = 1024 * 1024;

/**
 * WAL-G's members of a data directory begin with a slash, those of its backup_label part do not (docs/format.md). It
 * finds a member in the list of files by this very name.
 */
export const memberName = (path: string): string =>
  path === 'backup_label' || path === 'tablespace_map' ? path : `/${path}`;

/**
 * Packs files into one tar object. A file that changes while it is read is stored with the size that it had when it
 * was opened, cut or filled with zeros; WAL replay repairs it, as with every online base backup.
 */
export const writePart = async (
  writer: PartWriter,
  key: ObjectKey,
  entries: readonly CopyEntry[],
  options: CallOptions,
): Promise<WrittenPart> => {
  const files: WrittenFile[] = [];
  return createPart(writer, key, files, options, async (pack) => {
    for (const entry of entries) {
      options.signal?.throwIfAborted();
      if (entry.kind === 'directory') await addDirectory(pack, entry);
      else await addFile(writer, pack, entry, files);
    }
  });
};

/** Packs small contents that are at hand (pg_control, backup_label) into one tar object. */
export const writeSmallPart = async (
  writer: PartWriter,
  key: ObjectKey,
  members: readonly {
    readonly path: string;
    readonly content: Buffer;
    readonly modifiedAt: Date;
  }[],
  options: CallOptions,
): Promise<WrittenPart> => {
  const files: WrittenFile[] = [];
  return createPart(writer, key, files, options, async (pack) => {
    for (const { path, content, modifiedAt } of members) {
      await new Promise<void>((resolve, reject) => {
        pack.entry(
          { name: memberName(path), size: content.length, mode: 0o600, mtime: modifiedAt },
          content,
          (error) => (error ? reject(error) : resolve()),
        );
      });
      const sha256 = createHash('sha256').update(content).digest('hex');
      files.push({ path, bytes: content.length, sha256, modifiedAt });
    }
  });
};

const createPart = async (
  writer: PartWriter,
  key: ObjectKey,
  files: readonly WrittenFile[],
  options: CallOptions,
  fill: (pack: tar.Pack) => Promise<void>,
): Promise<WrittenPart> => {
  const pack = tar.pack();
  // What goes wrong in it comes out of `filled`; as long as nobody reads the pack, nobody else listens.
  pack.on('error', () => undefined);
  const plain = withDigest(readable(pack));
  const packed = withDigest(writer.encode(plain.stream));
  const filled = fill(pack).then(
    () => pack.finalize(),
    (error: unknown) => {
      pack.destroy(error instanceof Error ? error : new Error(String(error)));
      throw error;
    },
  );
  const created = writer.store.create(key, packed.stream, options).catch((error: unknown) => {
    // Whoever fails first stops the other: a filler waits for ever on a pack that nobody reads.
    pack.destroy();
    throw error;
  });
  const [outcome] = await bothSettled(created, filled);
  if (outcome === 'exists') {
    throw nameTaken(key);
  }
  const object = key.slice(key.lastIndexOf('/') + 1);
  const { streamBytes: objectBytes, sha256 } = packed.result();
  return { object, objectBytes, sha256, tarBytes: plain.result().streamBytes, files };
};

/** tar-stream's own iteration, with the chunk type that it really has. */
async function* readable(pack: tar.Pack): AsyncGenerator<Uint8Array> {
  for await (const chunk of pack) {
    assert(chunk instanceof Uint8Array, 'a tar pack yields bytes');
    yield chunk;
  }
}

/** Waits for both to end, so that nothing goes on behind the caller's back, and throws what failed first. */
const bothSettled = async <Left, Right>(
  left: Promise<Left>,
  right: Promise<Right>,
): Promise<[Left, Right]> => {
  try {
    return await Promise.all([left, right]);
  } finally {
    await Promise.allSettled([left, right]);
  }
};

const addDirectory = (pack: tar.Pack, entry: CopyEntry): Promise<void> =>
  new Promise((resolve, reject) => {
    pack.entry(
      { name: memberName(entry.path), type: 'directory', mode: entry.mode, mtime: entry.modifiedAt },
      (error) => (error ? reject(error) : resolve()),
    );
  });

const addFile = async (
  writer: PartWriter,
  pack: tar.Pack,
  entry: CopyEntry,
  files: WrittenFile[],
): Promise<void> => {
  const file = await open(entry.source, 'r').catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw unreadable(entry, error);
  });
  // Tables are dropped while a backup runs; replay drops them again.
  if (file === undefined) return writer.onVanished(entry.path);
  try {
    const facts = await file.stat();
    const header = {
      name: memberName(entry.path),
      size: facts.size,
      mode: facts.mode & 0o777,
      mtime: facts.mtime,
    };
    const sha256 = await packContent(writer, pack, header, entry, file);
    files.push({ path: entry.path, bytes: facts.size, sha256, modifiedAt: facts.mtime });
  } finally {
    await file.close();
  }
};

type MemberHeader = {
  readonly name: string;
  readonly size: number;
  readonly mode: number;
  readonly mtime: Date;
};

const packContent = async (
  writer: PartWriter,
  pack: tar.Pack,
  header: MemberHeader,
  entry: CopyEntry,
  file: FileHandle,
): Promise<string> => {
  const hash = createHash('sha256');
  const verifier = writer.pages.begin(entry.path, file);
  const member = beginMember(pack, header);
  for (let position = 0; position < header.size; ) {
    const length = Math.min(chunkBytes, header.size - position);
    await writer.readLimit(length);
    const chunk = await readChunk(entry, file, position, length);
    await verifier?.verify(chunk, position);
    hash.update(chunk);
    position += chunk.length;
    writer.onRead(chunk.length);
    await member.write(chunk);
  }
  await member.end();
  return hash.digest('hex');
};

/** A tar member as something to write to, which fails, instead of waiting for ever, when the pack is destroyed. */
const beginMember = (
  pack: tar.Pack,
  header: MemberHeader,
): { write(chunk: Buffer): Promise<void>; end(): Promise<void> } => {
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  ended.catch(() => undefined);
  const sink = pack.entry({ ...header }, (error) => (error ? reject(error) : resolve()));
  return {
    async write(chunk) {
      if (sink.write(chunk)) return;
      const drained = Promise.withResolvers<void>();
      sink.once('drain', () => drained.resolve());
      await Promise.race([drained.promise, ended]);
    },
    end() {
      sink.end(undefined);
      return ended;
    },
  };
};

/** `length` bytes of the file; what a file lost since it was opened reads as zeros. */
const readChunk = async (
  entry: CopyEntry,
  file: FileHandle,
  position: number,
  length: number,
): Promise<Buffer> => {
  const chunk = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file
      .read(chunk, filled, length - filled, position + filled)
      .catch((error: unknown) => {
        throw unreadable(entry, error);
      });
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return chunk.fill(0, filled);
};

const unreadable = (entry: CopyEntry, cause: unknown): PipelineError =>
  new PipelineError('file-unreadable', {
    message: `${entry.source} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: 'Run backup-push as the user that owns the cluster; an input/output error means a failing disk.',
    cause,
  });
