import type { Codec } from '../../lib/core/archive/layout.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import { segmentPages } from '../../lib/core/wal/segment-pages.ts';
import type { SystemIdentifier } from '../../lib/core/wal/system-identifier.ts';
import { parseWalFileName, type WalFile } from '../../lib/core/wal/wal-file.ts';
import type { Archive } from '../archive/archive.ts';
import { namingKey } from '../archive/object-content.ts';
import { openWalFile } from '../archive/wal-objects.ts';
import { clusterOfWalPath } from '../host/control-file.ts';
import { writeDurably } from '../host/files.ts';
import { codecMemory } from './codec-memory.ts';
import { checkWalContent, walHeadBytes } from './wal-content.ts';

/**
 * Puts one WAL file at PostgreSQL's path, whole, checked and durable. 'absent' means that the store proved that it holds
 * no such file: the end of the archive. Everything else that goes wrong throws.
 */
export const fetchWalFile = async (
  archive: Archive,
  name: string,
  destination: string,
): Promise<'fetched' | 'absent'> => {
  const walFile = parseWalFileName(name);
  if (walFile === undefined) {
    throw new PipelineError('wal-name-invalid', {
      message: `${name} is not the name of a WAL file`,
      hint: 'Call it from PostgreSQL as restore_command = \'walwarden wal-fetch "%f" "%p"\'.',
    });
  }
  const startedAt = archive.clock.now();
  const codecs = codecMemory(archive);
  const found = await openWalFile(archive, walFile.name, await codecs.likeliest());
  if (found === undefined) {
    archive.log.info('wal-fetch', { state: 'absent', file: walFile.name });
    return 'absent';
  }
  // In recovery the data directory already carries the cluster's identity, so content of another cluster is known at
  // no cost, before PostgreSQL meets it.
  const cluster = await clusterOfWalPath(destination);
  const plain = archive.decode(found.codec)(found.object.content);
  const whole = unguardedCodecs.has(found.codec) ? checkedPages(walFile, plain) : plain;
  let bytes = 0;
  const checked = checkedContent(walFile, whole, cluster, (length) => {
    bytes = length;
  });
  await writeDurably(destination, namingKey(found.key, checked));
  archive.log.info('wal-fetch', {
    state: 'complete',
    key: found.key,
    bytes,
    seconds: (archive.clock.now().getTime() - startedAt.getTime()) / 1000,
  });
  await codecs.learn(found.codec);
  return 'fetched';
};

/** What these codecs unpack carries no checksum, so that damage shows only in the content itself. */
const unguardedCodecs: ReadonlySet<Codec> = new Set<Codec>(['none', 'brotli', 'lzma']);

/** The content as it is, and a throw at the first page that is not where PostgreSQL wrote it. */
async function* checkedPages(walFile: WalFile, plain: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // Behind the last record of a partial segment lies whatever the file held before.
  const pages = walFile.kind === 'segment' ? segmentPages(walFile.timelineId) : undefined;
  for await (const chunk of plain) {
    pages?.accept(chunk);
    yield chunk;
  }
}

/** The content as it is, and at its end a throw when it is not what the file's name promises. */
async function* checkedContent(
  walFile: WalFile,
  plain: AsyncIterable<Uint8Array>,
  cluster: SystemIdentifier | undefined,
  onEnd: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const headBytes = walHeadBytes(walFile);
  let head = Buffer.alloc(0);
  let fileBytes = 0;
  for await (const chunk of plain) {
    if (head.length < headBytes) head = Buffer.concat([head, chunk.subarray(0, headBytes - head.length)]);
    fileBytes += chunk.length;
    yield chunk;
  }
  checkWalContent(walFile, { head, fileBytes }, cluster);
  onEnd(fileBytes);
}
