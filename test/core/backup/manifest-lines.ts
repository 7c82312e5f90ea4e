import type {
  ManifestEnd,
  ManifestFile,
  ManifestHeader,
  ManifestPart,
} from '../../../lib/core/backup/manifest.ts';
import { parseLsn } from '../../../lib/core/wal/lsn.ts';
import { parseSegmentBytes, parseTimelineId } from '../../../lib/core/wal/segment.ts';
import { parseSystemIdentifier } from '../../../lib/core/wal/system-identifier.ts';
import { MiB } from '../wal/arbitraries.ts';

export const sha256 = '00ff'.repeat(16);

export const header: ManifestHeader = {
  kind: 'backup',
  version: 1,
  name: 'base_000000010000000000000003',
  systemIdentifier: parseSystemIdentifier('7439846182437945713'),
  segmentBytes: parseSegmentBytes(16 * MiB),
  pgVersion: 170_002,
  startLsn: parseLsn('0/3000028'),
  startTimelineId: parseTimelineId(1),
  startedAt: new Date('2026-11-21T04:22:00.123Z'),
  tablespaces: [{ oid: 16386, location: '/mnt/ts1', link: 'pg_tblspc/16386' }],
  memberStyle: 'leading-slash',
};

export const part = (object: string, files: number): ManifestPart => ({
  kind: 'part',
  object,
  objectBytes: 900,
  sha256,
  tarBytes: 2048,
  files,
});

export const file = (path: string, bytes = 5): ManifestFile => ({
  kind: 'file',
  path,
  bytes,
  sha256,
  modifiedAt: new Date('2026-11-20T00:00:00.000Z'),
});

export const end = (parts: number, files: number, bytes = files * 5): ManifestEnd => ({
  kind: 'end',
  stopLsn: parseLsn('0/3000138'),
  stopTimelineId: parseTimelineId(1),
  parts,
  files,
  bytes,
});
