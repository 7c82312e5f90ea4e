import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adoptionFacts, adoptionText, findingsOf } from '../../../agent/inspect/adopt.ts';
import { inspectArchive } from '../../../agent/inspect/inspection.ts';
import { walFacts, walTable } from '../../../agent/inspect/wal-show.ts';
import { checkIntegrity, checkTimelines } from '../../../agent/inspect/wal-verify.ts';
import { walKey } from '../../../lib/core/archive/layout.ts';
import { parseObjectKey } from '../../../lib/core/archive/object-key.ts';
import { formatJson, parseJson } from '../../../lib/core/json.ts';
import type { ObjectStore } from '../../../lib/core/ports.ts';
import { parseLsn } from '../../../lib/core/wal/lsn.ts';
import { parseTimelineId } from '../../../lib/core/wal/segment.ts';
import { parseSystemIdentifier } from '../../../lib/core/wal/system-identifier.ts';
import { openMemoryStore } from '../../fakes/memory-store.ts';
import { foreignSystem } from '../../support/wal-files.ts';
import { archiveIn, layBackup, laySegments, segmentName } from '../memory-archive.ts';

const nowhere = { timelineId: undefined, lsn: undefined };

const layHistory = (store: ObjectStore, id: number, text: string) =>
  store.create(parseObjectKey(`wal_005/0000000${id}.history`), Buffer.from(text));

const inspect = (store: ObjectStore) => inspectArchive(archiveIn(store));

test('an empty archive has nothing wrong with it', async () => {
  const inspection = await inspect(openMemoryStore());
  assert.deepEqual(findingsOf(inspection), []);
  assert.match(adoptionText(inspection), /Nothing is wrong\.$/);
  assert.equal(checkIntegrity(inspection, nowhere).status, 'OK');
  assert.equal(checkTimelines(inspection, nowhere).status, 'OK');
});

test('a failover leaves no gap, and what the old primary went on with is told as of use to nobody else', async () => {
  const store = openMemoryStore();
  await laySegments(store, 1, [1, 2, 3, 4, 5]);
  await store.create(walKey(`${segmentName(1, 6)}.partial`, 'none'), Buffer.from('begin'));
  await layHistory(store, 2, '1\t0/480000\tno recovery target specified\n');
  await laySegments(store, 2, [4, 5, 6, 7]);
  await layBackup(store, 1, 1);
  const inspection = await inspect(store);
  assert.equal(checkIntegrity(inspection, nowhere).status, 'OK');
  assert.deepEqual(checkTimelines(inspection, nowhere).details, {
    current_timeline_id: 2,
    highest_storage_timeline_id: 2,
  });
  assert.match(
    findingsOf(inspection).join('\n'),
    /^2 segments of timeline 1 lie past the point where it was left/,
  );
  assert.match(walTable(inspection), /1 at 0\/480000/);
  const [first, second] = [parseJson(formatJson(walFacts(inspection)), 'test')].flat();
  assert.deepEqual(
    [first, second].map((shown) => formatJson(shown ?? null).includes('"status":"OK"')),
    [true, true],
  );
});

test('a timeline without its history file is a failure of the timeline check', async () => {
  const store = openMemoryStore();
  await laySegments(store, 1, [1, 2, 3]);
  await laySegments(store, 2, [3, 4]);
  await layBackup(store, 1, 1);
  const { status, findings } = checkTimelines(await inspect(store), nowhere);
  assert.equal(status, 'FAILURE');
  assert.match(findings.join('\n'), /00000002\.history is missing/);
  assert.match(findings.join('\n'), /recovery to "latest" follows timeline 1, but .* timeline 2/);
  const stated = { timelineId: parseTimelineId(2), lsn: undefined };
  assert.equal(checkTimelines(await inspect(store), stated).findings.length, 1);
});

test('WAL that is expected up to an LSN is late, not lost, and the segment being written is not expected', async () => {
  const store = openMemoryStore();
  await laySegments(store, 1, [1, 2, 3]);
  await layBackup(store, 1, 1);
  const upTo = async (lsn: string) => {
    const { status, details } = checkIntegrity(await inspect(store), {
      timelineId: undefined,
      lsn: parseLsn(lsn),
    });
    return [status, formatJson(details)] as const;
  };
  assert.equal((await upTo('0/450000'))[0], 'OK');
  const [status, details] = await upTo('0/650000');
  assert.equal(status, 'WARNING');
  assert.match(
    details,
    new RegExp(`${segmentName(1, 4)}.*${segmentName(1, 5)}.*"segments_count":2,"status":"MISSING_DELAYED"`),
  );
});

test('two clusters in one prefix, foreign objects, and backups that died are all told', async () => {
  const store = openMemoryStore();
  await laySegments(store, 1, [1, 2, 3]);
  await laySegments(store, 1, [4, 5], foreignSystem);
  await layBackup(store, 1, 1);
  const systemIdentifier = parseSystemIdentifier(foreignSystem);
  await layBackup(store, 1, 4, { systemIdentifier });
  const dead = await layBackup(store, 1, 2, { isIncomplete: true });
  await store.create(parseObjectKey('notes.txt'), Buffer.from('note'));
  const inspection = await inspect(store);
  const findings = findingsOf(inspection).join('\n');
  assert.match(findings, /WAL or backups of 2 clusters lie here, and only 0 are claimed/);
  assert.match(findings, new RegExp(`${dead} has no sentinel`));
  assert.match(findings, /1 objects are neither of this layout nor ours, such as notes\.txt/);
  assert.match(
    adoptionText(inspection),
    new RegExp(`Cluster ${foreignSystem}, not claimed yet, 1 complete backups`),
  );
  assert.match(formatJson(adoptionFacts(inspection)), /"recovery_windows":\[\{/);
});

test('what cannot be read or placed is a problem and hides nothing else', async () => {
  const store = openMemoryStore();
  await laySegments(store, 1, [1, 2, 3]);
  const name = await layBackup(store, 1, 1);
  await store.create(walKey(segmentName(1, 9), 'none'), Buffer.from('damaged'));
  await layHistory(store, 2, 'nonsense\n');
  const blank = await layBackup(store, 1, 3, { stopLsn: undefined });
  await store.create(walKey('000000010000000000000FFF', 'lz4'), Buffer.from('x'));
  const inspection = await inspect(store);
  assert.deepEqual(
    inspection.incarnations.flatMap(({ continuity }) => continuity.windows).map(({ backups }) => backups),
    [[name]],
  );
  const problems = inspection.problems.join('\n');
  assert.match(problems, new RegExp(`the header of ${segmentName(1, 9)} cannot be read`));
  assert.match(problems, /00000002\.history cannot be read/);
  assert.match(problems, new RegExp(`${blank} does not say where in the WAL`));
});

test('an archive that nothing tells the segment size of is not judged', async () => {
  const store = openMemoryStore();
  await store.create(walKey(segmentName(1, 1), 'none'), Buffer.from('damaged'));
  const inspection = await inspect(store);
  assert.match(inspection.problems.join('\n'), /the size of WAL segments is unknown/);
  assert.deepEqual(inspection.incarnations, []);
});
