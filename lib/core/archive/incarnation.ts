import { fieldReader, formatJson, parseJson } from '../json.ts';
import { parseSegmentBytes, type SegmentBytes } from '../wal/segment.ts';
import {
  formatSystemIdentifier,
  parseSystemIdentifier,
  type SystemIdentifier,
} from '../wal/system-identifier.ts';

/**
 * Whose archive this is. The first push writes incarnation 1; a cluster that went through pg_upgrade has a new system
 * identifier and continues the archive as the next incarnation, which a person asks for (`walwarden claim`). Never
 * changed once written, so that a claim cannot be lost to a later one.
 */
export type Incarnation = {
  readonly number: number;
  readonly systemIdentifier: SystemIdentifier;
  /** Known when the claim was made with a segment or a running server at hand. */
  readonly segmentBytes: SegmentBytes | undefined;
  readonly claimedAt: Date;
  readonly claimedBy: string;
};

export const formatIncarnation = (incarnation: Incarnation): string =>
  `${formatJson(
    {
      version: 1,
      incarnation: incarnation.number,
      system_identifier: formatSystemIdentifier(incarnation.systemIdentifier),
      ...(incarnation.segmentBytes === undefined ? {} : { wal_segment_bytes: incarnation.segmentBytes }),
      claimed_at: incarnation.claimedAt.toISOString(),
      claimed_by: incarnation.claimedBy,
    },
    2,
  )}\n`;

/** @throws 'archive-document-invalid' naming `what` and the field that is wrong */
export const parseIncarnation = (text: string, what: string): Incarnation => {
  const fields = fieldReader(parseJson(text, what), what);
  const segmentBytes = fields.optionalInteger('wal_segment_bytes');
  return {
    number: fields.integer('incarnation'),
    systemIdentifier: parseSystemIdentifier(fields.string('system_identifier')),
    segmentBytes: segmentBytes === undefined ? undefined : parseSegmentBytes(segmentBytes),
    claimedAt: fields.time('claimed_at'),
    claimedBy: fields.string('claimed_by'),
  };
};
