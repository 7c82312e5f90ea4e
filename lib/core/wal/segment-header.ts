import { PipelineError } from '../errors.ts';
import { formatLsn, type Lsn, lsnOf } from './lsn.ts';
import {
  parseSegmentBytes,
  parseSegmentName,
  parseTimelineId,
  type SegmentBytes,
  segmentStartLsn,
  type TimelineId,
} from './segment.ts';
import { parseSystemIdentifier, type SystemIdentifier } from './system-identifier.ts';
import { parseWalFileName } from './wal-file.ts';

/**
 * The long page header at the begin of every segment: XLogLongPageHeaderData in src/include/access/xlog_internal.h,
 * little-endian, the same since PostgreSQL 9.3.
 */
export type SegmentHeader = {
  readonly magic: number;
  readonly infoBits: number;
  /** Not above the timeline in the file's name; below it in the first segment of a timeline. */
  readonly pageTimelineId: TimelineId;
  readonly pageLsn: Lsn;
  readonly systemIdentifier: SystemIdentifier;
  readonly segmentBytes: SegmentBytes;
  readonly walBlockBytes: number;
  /** 15, 16, ...; 9.6 and before with their minor digit; absent for a magic that this program does not know. */
  readonly majorVersion: number | undefined;
};

/** How much of a segment `parseSegmentHeader` needs. */
export const segmentHeaderBytes = 40;

/**
 * XLOG_PAGE_MAGIC of each major version (src/include/access/xlog_internal.h in the branch of each release). 9.2 and
 * before had another header. Beta releases have numbers between these, so an unlisted number is no proof of damage.
 */
const majorVersions: ReadonlyMap<number, number> = new Map([
  [0xd075, 9.3],
  [0xd07e, 9.4],
  [0xd087, 9.5],
  [0xd093, 9.6],
  [0xd097, 10],
  [0xd098, 11],
  [0xd101, 12],
  [0xd106, 13],
  [0xd10d, 14],
  [0xd110, 15],
  [0xd113, 16],
  [0xd116, 17],
  [0xd118, 18],
  [0xd121, 19],
]);
const oldestMagic = Math.min(...majorVersions.keys());

const longHeaderBit = 0x0002;
// XLP_ALL_FLAGS: first-is-contrecord, long-header, bkp-removable, first-is-overwrite-contrecord.
const knownInfoBits = 0x000f;

const hex4 = (value: number): string => value.toString(16).toUpperCase().padStart(4, '0');

const refuse = (message: string, hint: string): never => {
  throw new PipelineError('wal-content-invalid', { message, hint });
};

const damagedHint =
  'The file is no WAL segment or is damaged; compare it with the file of the same name in pg_wal of the primary or a standby.';

const isPowerOfTwoWithin = (value: number, least: number, most: number): boolean =>
  value >= least && value <= most && Number.isInteger(Math.log2(value));

const checkMagic = (magic: number, majorVersion: number | undefined, infoBits: number): void => {
  if (magic < oldestMagic) {
    const found = magic === 0 ? '0000 (a page of zeros)' : hex4(magic);
    refuse(
      `the first page has magic ${found}, but WAL has ${hex4(oldestMagic)} (PostgreSQL 9.3) or above`,
      damagedHint,
    );
  }
  if ((infoBits & longHeaderBit) === 0) {
    refuse(
      `the first page has flags ${hex4(infoBits)}, without the long header (0002) that begins every segment`,
      damagedHint,
    );
  }
  if (majorVersion !== undefined && (infoBits & ~knownInfoBits) !== 0) {
    refuse(
      `the first page has flags ${hex4(infoBits)}, but PostgreSQL ${majorVersion} knows only ${hex4(knownInfoBits)}`,
      damagedHint,
    );
  }
};

/**
 * Reads the first `segmentHeaderBytes` of a segment (more may be given).
 *
 * @throws 'wal-content-invalid' saying what was expected and what was found. An unknown magic above the oldest known one
 * is no error here: a newer PostgreSQL is more likely than damage, and every other field is still checked.
 */
export const parseSegmentHeader = (bytes: Uint8Array): SegmentHeader => {
  if (bytes.length < segmentHeaderBytes) {
    refuse(
      `a segment's header has ${segmentHeaderBytes} bytes, but only ${bytes.length} are there`,
      damagedHint,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, segmentHeaderBytes);
  const magic = view.getUint16(0, true);
  const infoBits = view.getUint16(2, true);
  const majorVersion = majorVersions.get(magic);
  checkMagic(magic, majorVersion, infoBits);

  const timeline = view.getUint32(4, true);
  if (timeline === 0) refuse('the first page is of timeline 0, which does not exist', damagedHint);
  const systemNumber = view.getBigUint64(24, true);
  if (systemNumber === 0n)
    refuse('the first page has system identifier 0, which no cluster has', damagedHint);
  const segmentSize = view.getUint32(32, true);
  if (!isPowerOfTwoWithin(segmentSize, 2 ** 20, 2 ** 30)) {
    refuse(
      `the first page says segments of ${segmentSize} bytes, but they have a power of two from 1 MiB to 1 GiB`,
      damagedHint,
    );
  }
  // configure --with-wal-blocksize: 1 to 64 KiB.
  const walBlockBytes = view.getUint32(36, true);
  if (!isPowerOfTwoWithin(walBlockBytes, 2 ** 10, 2 ** 16)) {
    refuse(
      `the first page says WAL pages of ${walBlockBytes} bytes, but they have a power of two from 1 to 64 KiB`,
      damagedHint,
    );
  }
  return {
    magic,
    infoBits,
    pageTimelineId: parseTimelineId(timeline),
    pageLsn: lsnOf(view.getBigUint64(8, true)),
    systemIdentifier: parseSystemIdentifier(systemNumber),
    segmentBytes: parseSegmentBytes(segmentSize),
    walBlockBytes,
    majorVersion,
  };
};

/** A segment or partial segment as it is about to be archived, or as it came back. */
export type SegmentFacts = {
  /** As PostgreSQL calls it, `.partial` included. */
  readonly name: string;
  readonly fileBytes: number;
  readonly header: SegmentHeader;
  /** Whose segment it must be, where that is known. */
  readonly systemIdentifier?: SystemIdentifier | undefined;
};

/**
 * Holds a segment's first page against its name, its length and its cluster, so that a swapped, recycled, renamed or cut
 * file is not taken for the segment whose name it bears.
 *
 * @throws 'wal-name-invalid' when the name is not of a segment, 'archive-foreign' when it is another cluster's,
 * 'wal-content-invalid' when length, begin or timeline do not fit
 */
export const checkSegment = ({ name, fileBytes, header, systemIdentifier }: SegmentFacts): void => {
  const file = parseWalFileName(name);
  if (file?.kind !== 'segment' && file?.kind !== 'partial') {
    throw new PipelineError('wal-name-invalid', {
      message: `${JSON.stringify(name.slice(0, 80))} is not the name of a WAL segment`,
    });
  }
  if (fileBytes !== header.segmentBytes) {
    refuse(
      `${name} has ${fileBytes} bytes, but its first page says segments of ${header.segmentBytes}`,
      fileBytes < header.segmentBytes
        ? 'The file was cut short; look for a full disk or a copy that was interrupted.'
        : 'More than one segment lies in the file; look for whatever wrote to it besides PostgreSQL.',
    );
  }
  if (systemIdentifier !== undefined && systemIdentifier !== header.systemIdentifier) {
    throw new PipelineError('archive-foreign', {
      message: `${name} is of the cluster with system identifier ${header.systemIdentifier}, not of ${systemIdentifier}`,
      hint: 'Two clusters share one archive or a setting names the wrong archive; give each cluster its own prefix.',
    });
  }
  const segment = parseSegmentName(name.slice(0, 24), header.segmentBytes);
  if (segment === undefined) {
    throw new PipelineError('wal-content-invalid', {
      message: `${name} cannot be the name of a segment of ${header.segmentBytes} bytes, as its first page says it is`,
      hint: 'The file was renamed, or it is from before pg_resetwal or initdb changed the segment size.',
    });
  }
  const startLsn = segmentStartLsn(segment, header.segmentBytes);
  if (startLsn !== header.pageLsn) {
    refuse(
      `${name} says it begins at ${formatLsn(startLsn)}, but its first page says ${formatLsn(header.pageLsn)}`,
      'The file is a recycled, renamed or swapped one: it holds the WAL of another segment. Do not archive it; look for what moved files in pg_wal.',
    );
  }
  if (header.pageTimelineId > segment.timelineId) {
    refuse(
      `${name} is of timeline ${segment.timelineId}, but its first page is of the later timeline ${header.pageTimelineId}`,
      'The file was renamed or swapped with one of a newer timeline; look for what moved files in pg_wal.',
    );
  }
};
