import { PipelineError } from '../errors.ts';
import { formatLsn, type Lsn, lsnOf } from './lsn.ts';
import type { TimelineId } from './segment.ts';
import { parseSegmentHeader, type SegmentHeader, segmentHeaderBytes } from './segment-header.ts';

/** The header of every page but a segment's first: XLogPageHeaderData, src/include/access/xlog_internal.h. */
const pageHeaderBytes = 24;
const longHeaderBit = 0x0002;

/** Follows a segment's content as it streams by, in chunks of whatever size. */
export type SegmentPages = {
  /** @throws 'wal-content-invalid' */
  accept(chunk: Uint8Array): void;
};

type Page = {
  readonly offset: number;
  readonly magic: number;
  readonly infoBits: number;
  readonly timelineId: number;
  readonly lsn: bigint;
};

const readPage = (header: Uint8Array, offset: number): Page => {
  const view = new DataView(header.buffer, header.byteOffset, pageHeaderBytes);
  return {
    offset,
    magic: view.getUint16(0, true),
    infoBits: view.getUint16(2, true),
    timelineId: view.getUint32(4, true),
    lsn: view.getBigUint64(8, true),
  };
};

const hex4 = (value: number): string => value.toString(16).toUpperCase().padStart(4, '0');

const refuse = (message: string): never => {
  throw new PipelineError('wal-content-invalid', {
    message,
    hint: 'The file was damaged after PostgreSQL wrote it; compare it with the file of the same name in pg_wal of the primary or a standby.',
  });
};

/** After a switch PostgreSQL zeroes the headers of the unused pages (xlog.c, CopyXLogRecordToWAL). */
const isUnused = ({ magic, infoBits, timelineId, lsn }: Page): boolean =>
  magic === 0 && infoBits === 0 && timelineId === 0 && lsn === 0n;

/**
 * Holds the header of each page of a segment against the first one, for content that no checksum guards: a page that was
 * lost, moved or overwritten is found, a bit that flipped between two headers is not.
 *
 * The pages of the segment come first. Behind them may lie unused pages, after a switch, and pages of an older segment,
 * because PostgreSQL recycles files and an unfinished segment may be archived too (walreceiver.c with archive_mode =
 * always, or by hand from a server that died); a page of this segment behind such ones proves a hole.
 */
export const segmentPages = (timelineId: TimelineId): SegmentPages => {
  const header = new Uint8Array(segmentHeaderBytes);
  let position = 0;
  let first: SegmentHeader | undefined;
  let headerBytes = segmentHeaderBytes;
  let pageBytes = Number.POSITIVE_INFINITY;
  let lastTimelineId = 0;
  let endOffset: number | undefined;

  const judge = (page: Page, { pageLsn, magic }: SegmentHeader): void => {
    const expected: Lsn = lsnOf(pageLsn + BigInt(page.offset));
    const place = `the page at byte ${page.offset}`;
    if (isUnused(page)) {
      endOffset ??= page.offset;
      return;
    }
    if (page.magic !== magic) {
      refuse(`${place} has magic ${hex4(page.magic)}, but the first page has ${hex4(magic)}`);
    }
    if (page.lsn > expected) {
      refuse(`${place} says it is at ${formatLsn(lsnOf(page.lsn))}, but lies at ${formatLsn(expected)}`);
    }
    if (page.lsn < expected) {
      endOffset ??= page.offset;
      return;
    }
    if (endOffset !== undefined) {
      refuse(`${place} belongs to the segment, but the one at byte ${endOffset} before it does not`);
    }
    if ((page.infoBits & longHeaderBit) !== 0) {
      refuse(`${place} has the long header that only the first page has`);
    }
    if (page.timelineId < lastTimelineId || page.timelineId > timelineId) {
      refuse(`${place} is of timeline ${page.timelineId}, not of ${lastTimelineId} to ${timelineId}`);
    }
    lastTimelineId = page.timelineId;
  };

  const beginPage = (): void => {
    if (first !== undefined) {
      judge(readPage(header, position - pageHeaderBytes), first);
      return;
    }
    first = parseSegmentHeader(header);
    lastTimelineId = first.pageTimelineId;
    headerBytes = pageHeaderBytes;
    pageBytes = first.walBlockBytes;
  };

  return {
    accept(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const inPage = position % pageBytes;
        const isInHeader = inPage < headerBytes;
        const stepBytes = (isInHeader ? headerBytes : pageBytes) - inPage;
        const step = chunk.subarray(at, at + stepBytes);
        if (isInHeader) header.set(step, inPage);
        at += step.length;
        position += step.length;
        if (isInHeader && step.length === stepBytes) beginPage();
      }
    },
  };
};
