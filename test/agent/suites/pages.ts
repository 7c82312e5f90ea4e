import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Cluster } from '../../support/cluster.ts';
import { startLoad } from '../../support/load.ts';
import { demandMajor, newestMajor } from '../../support/postgres-parts.ts';
import { protectCluster } from '../../support/protected-cluster.ts';
import type { TestStore } from '../../support/test-archive.ts';

const pageBytes = 8192;

/** Makes a table of several pages and lets its last row's page rot on disk, behind the back of a stopped server. */
const harmTable = async (cluster: Cluster, blocks: readonly number[]): Promise<string> => {
  await cluster.exec(
    `create table victim with (autovacuum_enabled = off) as
       select n, repeat('row ', 100) from generate_series(1, 200) as n`,
  );
  const path = await cluster.text("select pg_relation_filepath('victim')");
  await cluster.stop();
  const file = await open(join(cluster.dataDirectory, path), 'r+');
  try {
    for (const block of blocks) {
      const byte = Buffer.alloc(1);
      await file.read(byte, 0, 1, block * pageBytes + 8000);
      byte.writeUInt8(byte.readUInt8(0) ^ 0x10);
      await file.write(byte, 0, 1, block * pageBytes + 8000);
    }
  } finally {
    await file.close();
  }
  await cluster.start();
  return path;
};

const findDamage = async (t: TestContext, store: TestStore): Promise<void> => {
  const place = await protectCluster(t, await store.open(t), { major: newestMajor });
  const sound = await place.backup();
  const blocks = [1, 4];
  const path = await harmTable(place.cluster, blocks);

  const damaged = await place.agent(['backup-push']);
  assert.equal(damaged.status, 43, damaged.stderr);
  const named = damaged.events.flatMap((event) => (event.state === 'damaged' ? [event] : []));
  assert.deepEqual(
    named.map(({ path, block }) => ({ path, block })),
    blocks.map((block) => ({ path, block })),
  );
  assert(damaged.events.some(({ code, hint }) => code === 'page-corrupt' && hint !== undefined));

  const allowed = await place.agent(['backup-push', '--allow-damaged-pages']);
  assert.equal(allowed.status, 0, allowed.stderr);
  const list = await place.agent(['backup-list']);
  const lines = list.stdout.split('\n');
  for (const name of [damaged.stdout.trim(), allowed.stdout.trim()]) {
    assert.match(lines.find((line) => line.startsWith(name)) ?? '', /2 damaged pages/);
  }
  assert.doesNotMatch(lines.find((line) => line.startsWith(sound)) ?? '', /damaged/);
  const shown = await place.agent(['backup-show', '--json', 'LATEST']);
  assert.equal(JSON.parse(shown.stdout).damaged_pages, 2);

  // The backup is what the disk holds, to save from it what can be saved.
  const copy = await place.restore('copy');
  await copy.start();
  await copy.waitFor('not pg_is_in_recovery()');
  await assert.rejects(copy.text('select count(*) from victim'), /invalid page in block 1/);
  assert.equal(await copy.text("select n from victim where ctid = '(0,1)'"), '1');
};

const raiseNoFalseAlarm = async (t: TestContext, store: TestStore): Promise<void> => {
  const place = await protectCluster(t, await store.open(t), {
    major: newestMajor,
    // The archiver starts an agent for each segment, and every backup waits for the last of them.
    walSegmentMiB: 16,
    // Pages leave so small a cache all the time, and are written under the reader's eyes.
    settings: { shared_buffers: '1MB', bgwriter_delay: '10ms', bgwriter_lru_maxpages: '1000' },
  });
  const load = await startLoad(place.cluster, { connections: 2 });
  for (let round = 1; round <= 3; round += 1) {
    const { status, stderr, events } = await place.agent(['backup-push']);
    assert.equal(status, 0, stderr);
    assert(!events.some(({ state }) => state === 'damaged'));
  }
  const { transactions } = await load.stop();
  t.diagnostic(`${transactions} transactions during three backups`);
  const shown = await place.agent(['backup-show', '--json', 'LATEST']);
  assert.equal(JSON.parse(shown.stdout).damaged_pages, 0);
};

const checkNothing = async (t: TestContext, store: TestStore): Promise<void> => {
  const place = await protectCluster(t, await store.open(t), { major: newestMajor, checksums: false });
  await harmTable(place.cluster, [1]);
  const { status, stderr } = await place.agent(['backup-push']);
  assert.equal(status, 0, stderr);
  const shown = await place.agent(['backup-show', '--json', 'LATEST']);
  assert.equal('damaged_pages' in JSON.parse(shown.stdout), false, 'unknown is not none');
};

export const pagesSuite = (store: TestStore): void => {
  test(`damaged data pages are named, and the backup is kept in ${store.name} with that mark`, async (t) => {
    if (demandMajor(t, newestMajor)) await findDamage(t, store);
  });

  test(`base backups to ${store.name} under write load raise no false alarm about pages`, async (t) => {
    if (demandMajor(t, newestMajor)) await raiseNoFalseAlarm(t, store);
  });

  test(`without data checksums a backup to ${store.name} says nothing of pages`, async (t) => {
    if (demandMajor(t, newestMajor)) await checkNothing(t, store);
  });
};
