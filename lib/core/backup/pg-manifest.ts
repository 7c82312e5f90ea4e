import assert from 'node:assert/strict';
import { formatLsn, type Lsn } from '../wal/lsn.ts';
import type { TimelineId } from '../wal/segment.ts';
import { formatSystemIdentifier, type SystemIdentifier } from '../wal/system-identifier.ts';

/**
 * PostgreSQL's own `backup_manifest`, which pg_verifybackup checks a restored directory against (the manual, chapter
 * "Backup Manifest Format"; src/backend/backup/backup_manifest.c). As in PostgreSQL it is written piece by piece: the
 * caller writes every text in the order header, files, WAL ranges, and keeps a SHA-256 of those bytes, which the last
 * piece names.
 */
export type PgManifestWriter = {
  readonly header: string;
  file(file: PgManifestFile): string;
  /** After the last file. The newest timeline comes first. */
  walRanges(ranges: readonly PgManifestWalRange[]): string;
  /** @param sha256 of everything before, in hexadecimal */
  checksum(sha256: string): string;
};

export type PgManifestFile = {
  /** Relative to PGDATA. As bytes where the name in the file system need not be UTF-8. */
  readonly path: string | Uint8Array;
  readonly bytes: number;
  readonly modifiedAt: Date;
  /** Of the content, in hexadecimal. */
  readonly sha256: string;
};

export type PgManifestWalRange = {
  readonly timelineId: TimelineId;
  readonly startLsn: Lsn;
  readonly endLsn: Lsn;
};

/** Version 2 came with PostgreSQL 17 and says whose backup it is. An older pg_verifybackup reads version 1 only. */
const pgManifestHeader = (majorVersion: number, systemIdentifier: SystemIdentifier): string =>
  majorVersion >= 17
    ? `{ "PostgreSQL-Backup-Manifest-Version": 2,\n"System-Identifier": ${formatSystemIdentifier(systemIdentifier)},\n"Files": [`
    : '{ "PostgreSQL-Backup-Manifest-Version": 1,\n"Files": [';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const decodedPath = (path: string | Uint8Array): string | undefined => {
  if (typeof path === 'string') return path;
  try {
    return utf8.decode(path);
  } catch {
    return undefined;
  }
};

const formatPath = (path: string | Uint8Array): string => {
  const text = decodedPath(path);
  // JSON.stringify escapes as PostgreSQL's escape_json does. A lone surrogate is no file's name: readdir makes none.
  if (text !== undefined) {
    assert(text.isWellFormed(), 'a path read from a file system is well-formed text');
    return `"Path": ${JSON.stringify(text)}`;
  }
  return `"Encoded-Path": "${Buffer.from(path).toString('hex')}"`;
};

const formatGmt = (time: Date): string => `${time.toISOString().slice(0, 19).replace('T', ' ')} GMT`;

const formatFile = (file: PgManifestFile): string =>
  `{ ${formatPath(file.path)}, "Size": ${file.bytes}, "Last-Modified": "${formatGmt(file.modifiedAt)}", ` +
  `"Checksum-Algorithm": "SHA256", "Checksum": "${file.sha256}" }`;

const formatWalRange = ({ timelineId, startLsn, endLsn }: PgManifestWalRange): string =>
  `{ "Timeline": ${timelineId}, "Start-LSN": "${formatLsn(startLsn)}", "End-LSN": "${formatLsn(endLsn)}" }`;

/** A manifest for a backup of a cluster of this major version (14, 15, ...). */
export const pgManifestWriter = (cluster: {
  readonly majorVersion: number;
  readonly systemIdentifier: SystemIdentifier;
}): PgManifestWriter => {
  let separator = '\n';
  return {
    header: pgManifestHeader(cluster.majorVersion, cluster.systemIdentifier),
    file(file) {
      const text = `${separator}${formatFile(file)}`;
      separator = ',\n';
      return text;
    },
    walRanges: (ranges) => `\n],\n"WAL-Ranges": [\n${ranges.map(formatWalRange).join(',\n')}\n],\n`,
    checksum: (sha256) => `"Manifest-Checksum": "${sha256}"}\n`,
  };
};
