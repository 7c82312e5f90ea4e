import { parseBackupLabel } from '../../lib/core/backup/backup-label.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import {
  checkSegment,
  parseSegmentHeader,
  type SegmentHeader,
  segmentHeaderBytes,
} from '../../lib/core/wal/segment-header.ts';
import type { SystemIdentifier } from '../../lib/core/wal/system-identifier.ts';
import { parseTimelineHistory } from '../../lib/core/wal/timeline-history.ts';
import type { WalFile } from '../../lib/core/wal/wal-file.ts';

/** Timeline history and backup history files are a few hundred bytes; what is larger is something else. */
const smallFileBytes = 1024 * 1024;

/** How many bytes from a file's begin `checkWalContent` wants to see. */
export const walHeadBytes = (walFile: WalFile): number =>
  walFile.kind === 'segment' || walFile.kind === 'partial' ? segmentHeaderBytes : smallFileBytes;

/**
 * Checks that a WAL file's content is what its name says: the whole size, the right place in the WAL and the right
 * cluster for a segment, a text that agrees with the name for the small files. Used before a file is accepted into the
 * archive and before one is handed to PostgreSQL.
 *
 * @param head the content's first `walHeadBytes` bytes
 * @returns the header, for a segment
 * @throws 'wal-content-invalid', 'archive-foreign'
 */
export const checkWalContent = (
  walFile: WalFile,
  content: { readonly head: Uint8Array; readonly fileBytes: number },
  cluster: SystemIdentifier | undefined,
): SegmentHeader | undefined => {
  switch (walFile.kind) {
    case 'segment':
    case 'partial': {
      const header = parseSegmentHeader(content.head);
      const name = walFile.kind === 'segment' ? walFile.name : walFile.segmentName;
      const identity = cluster === undefined ? {} : { systemIdentifier: cluster };
      checkSegment({ name, fileBytes: content.fileBytes, header, ...identity });
      return header;
    }
    case 'timeline-history':
      parseTimelineHistory(walFile.timelineId, textOf(walFile, content));
      return undefined;
    case 'backup-history':
      checkBackupHistory(walFile, textOf(walFile, content));
      return undefined;
  }
};

const textOf = (
  walFile: WalFile,
  { head, fileBytes }: { readonly head: Uint8Array; readonly fileBytes: number },
): string => {
  if (fileBytes > 0 && fileBytes <= smallFileBytes) return Buffer.from(head).toString('utf8');
  throw new PipelineError('wal-content-invalid', {
    message: `${walFile.name} has ${fileBytes} bytes, which no ${walFile.kind} file has`,
    hint: 'The file is empty or is something else under this name.',
  });
};

const checkBackupHistory = (walFile: Extract<WalFile, { kind: 'backup-history' }>, text: string): void => {
  const { startSegmentName } = parseBackupLabel(text);
  if (startSegmentName === walFile.segmentName) return;
  throw new PipelineError('wal-content-invalid', {
    message: `${walFile.name} describes a base backup that began in ${startSegmentName}`,
    hint: 'The file was renamed or swapped; compare it with its neighbours.',
  });
};
