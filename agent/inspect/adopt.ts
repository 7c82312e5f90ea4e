import type { JsonValue } from '../../lib/core/json.ts';
import { formatSystemIdentifier } from '../../lib/core/wal/system-identifier.ts';
import { formatBytes, formatTable } from '../host/output.ts';
import type { Inspection } from './inspection.ts';
import { gapFacts, gapText, known, windowFacts, windowTable } from './report.ts';

/** Everything that is wrong or unusual, in sentences without final stops. */
export const findingsOf = (inspection: Inspection): readonly string[] => {
  const { incarnations, claims, scan, incomplete, problems } = inspection;
  const unknownObjects = scan.tallies.find(({ kind }) => kind === 'unknown')?.objects ?? 0;
  const claimed = new Set(claims.map(({ systemIdentifier }) => systemIdentifier));
  const unclaimed = incarnations.filter(
    ({ facts }) => facts.systemIdentifier !== undefined && !claimed.has(facts.systemIdentifier),
  );
  return [
    ...problems,
    ...(incarnations.length > 1 && unclaimed.length > 0
      ? [
          `WAL or backups of ${incarnations.length} clusters lie here, and only ${claims.length} are claimed: either the ` +
            'cluster went through pg_upgrade, or two clusters share the prefix',
        ]
      : []),
    ...incarnations.flatMap(({ facts, continuity }) => [
      ...continuity.gaps.map((gap) => gapText(gap, facts.segmentBytes)),
      ...continuity.missingHistories.map(
        ({ timelineId }) => `the history file of timeline ${timelineId} is missing`,
      ),
      ...continuity.backups
        .filter(({ state }) => state !== 'complete')
        .map(({ backup, state }) =>
          state === 'waiting'
            ? `${backup.name} waits for its last WAL`
            : `${backup.name} lacks WAL of its own`,
        ),
      ...continuity.orphans.map(
        ({ timelineId, first, last }) =>
          `${last - first + 1} segments of timeline ${timelineId} lie past the point where it was left: of use only to ` +
          `recovery along timeline ${timelineId}`,
      ),
    ]),
    ...incomplete.map(
      ({ name, lastWrittenAt }) =>
        `${name} has no sentinel: it is running or died (last written ${lastWrittenAt.toISOString()})`,
    ),
    ...(unknownObjects > 0
      ? [
          `${unknownObjects} objects are neither of this layout nor ours, such as ${scan.unknownKeys.slice(0, 3).join(', ')}`,
        ]
      : []),
  ];
};

export const adoptionFacts = (inspection: Inspection): JsonValue => {
  const { scan, claims, incarnations, segmentBytes } = inspection;
  return known({
    objects: scan.tallies.map(({ kind, codec, objects, objectBytes }) =>
      known({ kind, codec, objects, object_bytes: objectBytes }),
    ),
    wal_segment_bytes: segmentBytes,
    claims: claims.map(({ number, systemIdentifier, claimedAt, claimedBy }) => ({
      incarnation: number,
      system_identifier: formatSystemIdentifier(systemIdentifier),
      claimed_at: claimedAt.toISOString(),
      claimed_by: claimedBy,
    })),
    clusters: incarnations.map(({ facts, continuity }) =>
      known({
        incarnation: facts.number,
        system_identifier:
          facts.systemIdentifier === undefined ? undefined : formatSystemIdentifier(facts.systemIdentifier),
        backups: continuity.backups.map(({ backup, state }) => ({ name: backup.name, wal: state })),
        recovery_windows: continuity.windows.map((window) => windowFacts(window, facts.segmentBytes)),
        gaps: continuity.gaps.map((gap) => gapFacts(gap, facts.segmentBytes)),
      }),
    ),
    findings: findingsOf(inspection),
  });
};

const objectTable = ({ scan }: Inspection): string =>
  formatTable(
    [
      { heading: 'objects' },
      { heading: 'codec' },
      { heading: 'count', align: 'right' },
      { heading: 'size', align: 'right' },
    ],
    scan.tallies.map(({ kind, codec, objects, objectBytes }) => [
      kind,
      codec ?? '-',
      String(objects),
      formatBytes(objectBytes),
    ]),
  );

export const adoptionText = (inspection: Inspection): string => {
  const { claims, incarnations, segmentBytes } = inspection;
  const findings = findingsOf(inspection);
  const clusters = incarnations.map(({ facts, continuity }) => {
    const system = facts.systemIdentifier;
    const claim = claims.find(({ systemIdentifier }) => systemIdentifier === system);
    const heading =
      `Cluster ${system === undefined ? 'with an unknown system identifier' : formatSystemIdentifier(system)}, ` +
      `${claim === undefined ? 'not claimed yet' : `claimed by ${claim.claimedBy} as incarnation ${claim.number}`}, ` +
      `${continuity.backups.length} complete backups`;
    const windows =
      continuity.windows.length === 0
        ? 'It cannot be recovered: no complete backup has all of its WAL.'
        : `Recovery windows:\n${windowTable(continuity.windows, facts.segmentBytes)}`;
    return `${heading}\n\n${windows}`;
  });
  return [
    objectTable(inspection),
    `Segments of ${segmentBytes === undefined ? 'unknown size' : formatBytes(segmentBytes)}`,
    ...clusters,
    findings.length === 0
      ? 'Nothing is wrong.'
      : `What to know:\n${findings.map((text) => `- ${text}`).join('\n')}`,
  ].join('\n\n');
};
