import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { measureAgent } from '../../support/agent-memory.ts';
import { adoptCluster } from '../../support/cluster.ts';
import { createManyTables } from '../../support/load.ts';
import { demandMajor, newestMajor } from '../../support/postgres-parts.ts';
import { protectCluster } from '../../support/protected-cluster.ts';
import type { TestStore } from '../../support/test-archive.ts';

/**
 * Node takes about 60 MiB by itself; the rest are the buffers of the parts under way, the names of the files in them,
 * and what the collector leaves lying between its runs.
 */
const boundMiB = 320;

const copyManyTables = async (t: TestContext, store: TestStore, count: number): Promise<void> => {
  const place = await protectCluster(t, await store.open(t), {
    major: newestMajor,
    walSegmentMiB: 16,
    settings: { autovacuum: 'off', max_locks_per_transaction: '256' },
  });
  const { cluster, archive } = place;
  const begin = performance.now();
  await createManyTables(cluster, count);
  const created = performance.now();
  const source = await cluster.tableChecksums();
  assert.equal(source.size, count);
  t.diagnostic(
    `${count} tables made in ${seconds(created - begin)}, summed up in ${seconds(performance.now() - created)}`,
  );

  const env = { ...cluster.env(), ...archive.env };
  const pushed = await measureAgent(['backup-push'], { env });
  assert.equal(pushed.status, 0, pushed.stderr);
  const directory = join(place.directory, 'copy');
  const fetched = await measureAgent(['backup-fetch', directory, 'LATEST'], { env });
  assert.equal(fetched.status, 0, fetched.stderr);
  for (const [name, { peakMiB, seconds: took }] of Object.entries({ pushed, fetched })) {
    t.diagnostic(`${name} in ${took.toFixed(1)} s with ${peakMiB ?? 'unknown'} MiB at most`);
    if (peakMiB === undefined) continue;
    assert(peakMiB <= boundMiB, `${name} took ${peakMiB} MiB, more than ${boundMiB}`);
  }
  const shown = await place.agent(['backup-show', '--json', 'LATEST']);
  assert(JSON.parse(shown.stdout).files >= count);

  await place.archiveAll();
  const copy = adoptCluster({
    major: cluster.major,
    dataDirectory: directory,
    hooks: t,
    environment: archive.env,
    settings: { archive_mode: 'off' },
  });
  await copy.start();
  await copy.waitFor('not pg_is_in_recovery()', 120_000);
  assert.deepEqual(await copy.tableChecksums(), source);
};

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export const manyRelationsSuite = (store: TestStore, count = 20_000): void => {
  test(`a database of ${count} small relations goes to ${store.name} and back in bounded memory`, async (t) => {
    if (demandMajor(t, newestMajor)) await copyManyTables(t, store, count);
  });
};
