import { PipelineError } from '../errors.ts';
import type { FieldReader } from '../json.ts';
import { type Lsn, lsnOf } from '../wal/lsn.ts';
import { parseSystemIdentifier, type SystemIdentifier } from '../wal/system-identifier.ts';

/** What the documents of a WAL-G backup have in common: how they write LSNs, times, versions and identifiers. */

/** The constant that WAL-G writes beside its times; it describes nothing, the times are RFC 3339. */
export const dateFormat = '%Y-%m-%dT%H:%M:%S.%fZ';

/** Go's zero time, which WAL-G writes for a time that it does not know. */
const unknownTime = '0001-01-01T00:00:00Z';

export const formatTime = (time: Date | undefined): string => time?.toISOString() ?? unknownTime;

/** Readers that give undefined for a field that is missing, null, or Go's zero value for "unknown". */
export type DocumentReader = {
  /** A plain decimal number, not the text that PostgreSQL prints. */
  lsn(name: string): Lsn | undefined;
  systemIdentifier(name: string): SystemIdentifier | undefined;
  time(name: string): Date | undefined;
  /** server_version_num */
  version(name: string): number | undefined;
};

/** Turns a value that is not one into an error about the document that holds it. */
export const inDocument = <Value>(what: string, field: string, parse: () => Value): Value => {
  try {
    return parse();
  } catch (thrown) {
    if (!(thrown instanceof PipelineError)) throw thrown;
    throw new PipelineError('archive-document-invalid', {
      message: `${what}, field ${field}: ${thrown.message}`,
      hint: thrown.hint,
      cause: thrown,
    });
  }
};

export const documentReader = (fields: FieldReader, what: string): DocumentReader => ({
  lsn: (name) => {
    const value = fields.optionalBigint(name);
    return value === undefined ? undefined : inDocument(what, name, () => lsnOf(value));
  },
  systemIdentifier: (name) => {
    const value = fields.optionalBigint(name);
    return value === undefined || value === 0n
      ? undefined
      : inDocument(what, name, () => parseSystemIdentifier(value));
  },
  time: (name) => {
    const time = fields.optionalTime(name);
    return time === undefined || time.getTime() === Date.parse(unknownTime) ? undefined : time;
  },
  version: (name) => {
    const version = fields.optionalInteger(name);
    return version === 0 ? undefined : version;
  },
});
