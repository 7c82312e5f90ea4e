import { PipelineError } from '../errors.ts';
import { type FieldReader, fieldReader, formatJson, type JsonObject, parseJson } from '../json.ts';
import { formatLsn, type Lsn, parseLsn } from '../wal/lsn.ts';
import { parseSegmentBytes, parseTimelineId, type SegmentBytes, type TimelineId } from '../wal/segment.ts';
import {
  formatSystemIdentifier,
  parseSystemIdentifier,
  type SystemIdentifier,
} from '../wal/system-identifier.ts';
import { inDocument } from './document.ts';
import type { Tablespace } from './tablespaces.ts';

/**
 * Our own manifest of a base backup: what every part and every file must be. One JSON document per line, so that neither
 * its writer nor its reader ever holds it whole: a `backup` line, then for each part a `part` line that is followed by
 * exactly its `files` many `file` lines, then an `end` line. Without the `end` line it is not a manifest.
 */
export type ManifestLine = ManifestHeader | ManifestPart | ManifestFile | ManifestEnd;

export type ManifestHeader = {
  readonly kind: 'backup';
  readonly version: 1;
  readonly name: string;
  readonly systemIdentifier: SystemIdentifier;
  readonly segmentBytes: SegmentBytes;
  /** server_version_num */
  readonly pgVersion: number;
  readonly startLsn: Lsn;
  readonly startTimelineId: TimelineId;
  readonly startedAt: Date;
  readonly tablespaces: readonly Tablespace[];
  /** Whether tar members are named `/base/1/1259`, as by WAL-G, or `base/1/1259`. */
  readonly memberStyle: MemberStyle;
};

export type MemberStyle = 'leading-slash' | 'relative';

export type ManifestPart = {
  readonly kind: 'part';
  /** File name below tar_partitions/. */
  readonly object: string;
  readonly objectBytes: number;
  /** Of the stored object's bytes, in hexadecimal. */
  readonly sha256: string;
  /** After decompression. */
  readonly tarBytes: number;
  /** How many `file` lines follow. Directories and links are members of the tar but have no line. */
  readonly files: number;
};

export type ManifestFile = {
  readonly kind: 'file';
  /** Relative to PGDATA, without a leading slash; tablespaces below `pg_tblspc/<oid>/`. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly modifiedAt: Date;
};

export type ManifestEnd = {
  readonly kind: 'end';
  readonly stopLsn: Lsn;
  readonly stopTimelineId: TimelineId;
  readonly parts: number;
  readonly files: number;
  /** Sum over the files. */
  readonly bytes: number;
};

const [earliestTime, latestTime] = [Date.UTC(1, 0, 1), Date.UTC(9999, 11, 31)];

/** A file's time is whatever somebody set; years that RFC 3339 cannot write are brought to those that it can. */
const formatFileTime = (time: Date): string =>
  new Date(Math.min(Math.max(time.getTime(), earliestTime), latestTime)).toISOString();

const fieldsOf = (line: ManifestLine): JsonObject => {
  switch (line.kind) {
    case 'backup':
      return {
        ...line,
        systemIdentifier: formatSystemIdentifier(line.systemIdentifier),
        startLsn: formatLsn(line.startLsn),
        startedAt: line.startedAt.toISOString(),
        tablespaces: line.tablespaces,
      };
    case 'part':
      return line;
    case 'file':
      return { ...line, modifiedAt: formatFileTime(line.modifiedAt) };
    case 'end':
      return { ...line, stopLsn: formatLsn(line.stopLsn) };
  }
};

/** One line of the document, its newline included. 64-bit identifiers and LSNs are text in it. */
export const formatManifestLine = (line: ManifestLine): string => `${formatJson(fieldsOf(line))}\n`;

const maxLineCharacters = 2 ** 20;
const sha256Text = /^[0-9a-f]{64}$/;

const invalid = (message: string): PipelineError =>
  new PipelineError('archive-document-invalid', {
    message,
    hint: 'The manifest was damaged, or a newer walwarden wrote it.',
  });

const countReader =
  (fields: FieldReader, what: string) =>
  (name: string): number => {
    const count = fields.integer(name);
    if (count < 0) throw invalid(`${what}, field ${name}, is ${count}`);
    return count;
  };

const readSha256 = (fields: FieldReader, what: string): string => {
  const sha256 = fields.string('sha256');
  if (!sha256Text.test(sha256)) throw invalid(`${what}, field sha256, is no SHA-256 in hexadecimal`);
  return sha256;
};

const readHeader = (fields: FieldReader, what: string): ManifestHeader => {
  const version = fields.integer('version');
  if (version !== 1) throw invalid(`${what} has version ${version}; this walwarden reads version 1`);
  const memberStyle = fields.string('memberStyle');
  if (memberStyle !== 'leading-slash' && memberStyle !== 'relative') {
    throw invalid(`${what}, field memberStyle, is ${JSON.stringify(memberStyle.slice(0, 40))}`);
  }
  return {
    kind: 'backup',
    version,
    name: fields.string('name'),
    systemIdentifier: inDocument(what, 'systemIdentifier', () =>
      parseSystemIdentifier(fields.string('systemIdentifier')),
    ),
    segmentBytes: inDocument(what, 'segmentBytes', () => parseSegmentBytes(fields.integer('segmentBytes'))),
    pgVersion: fields.integer('pgVersion'),
    startLsn: inDocument(what, 'startLsn', () => parseLsn(fields.string('startLsn'))),
    startTimelineId: inDocument(what, 'startTimelineId', () =>
      parseTimelineId(fields.integer('startTimelineId')),
    ),
    startedAt: fields.time('startedAt'),
    tablespaces: fields.array('tablespaces').map((value) => {
      const tablespace = fieldReader(value, `${what}, field tablespaces,`);
      return {
        oid: tablespace.integer('oid'),
        location: tablespace.string('location'),
        link: tablespace.string('link'),
      };
    }),
    memberStyle,
  };
};

const readPart = (fields: FieldReader, what: string): ManifestPart => {
  const count = countReader(fields, what);
  return {
    kind: 'part',
    object: fields.string('object'),
    objectBytes: count('objectBytes'),
    sha256: readSha256(fields, what),
    tarBytes: count('tarBytes'),
    files: count('files'),
  };
};

const readEnd = (fields: FieldReader, what: string): ManifestEnd => {
  const count = countReader(fields, what);
  return {
    kind: 'end',
    stopLsn: inDocument(what, 'stopLsn', () => parseLsn(fields.string('stopLsn'))),
    stopTimelineId: inDocument(what, 'stopTimelineId', () =>
      parseTimelineId(fields.integer('stopTimelineId')),
    ),
    parts: count('parts'),
    files: count('files'),
    bytes: count('bytes'),
  };
};

/**
 * Reads one line, with or without its newline. Whether the lines make a manifest is for `manifestReader` to say.
 *
 * @param what names the line in errors
 * @throws 'archive-document-invalid'
 */
export const parseManifestLine = (text: string, what = 'a line of the manifest'): ManifestLine => {
  const fields = fieldReader(parseJson(text, what, { maxCharacters: maxLineCharacters, maxDepth: 10 }), what);
  const kind = fields.string('kind');
  switch (kind) {
    case 'backup':
      return readHeader(fields, what);
    case 'part':
      return readPart(fields, what);
    case 'file':
      return {
        kind,
        path: fields.string('path'),
        bytes: countReader(fields, what)('bytes'),
        sha256: readSha256(fields, what),
        modifiedAt: fields.time('modifiedAt'),
      };
    case 'end':
      return readEnd(fields, what);
    default:
      throw invalid(`${what} is of kind ${JSON.stringify(kind.slice(0, 40))}`);
  }
};
