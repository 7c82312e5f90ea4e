import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startLoad } from '../../support/load.ts';
import { demandMajor, newestMajor } from '../../support/postgres-parts.ts';
import { protectCluster } from '../../support/protected-cluster.ts';
import type { TestStore } from '../../support/test-archive.ts';
import { eventually } from '../../support/waiting.ts';

export const segmentSizesSuite = (store: TestStore, segmentMiBs: readonly number[] = [1, 16, 64]): void => {
  for (const segmentMiB of segmentMiBs) {
    test(`a cluster with WAL segments of ${segmentMiB} MiB recovers from ${store.name} to its end`, async (t) => {
      if (!demandMajor(t, newestMajor)) return;
      const place = await protectCluster(t, await store.open(t), {
        major: newestMajor,
        walSegmentMiB: segmentMiB,
      });
      const { cluster } = place;
      assert.equal(await cluster.text('show wal_segment_size'), `${segmentMiB}MB`);
      const load = await startLoad(cluster, { connections: 1 });
      await place.backup();
      const atBackup = load.transactions();
      await eventually('a hundred transactions after the backup', () => load.transactions() > atBackup + 100);
      await load.stop();
      const source = await cluster.tableChecksums();
      // Across the border of a segment, whatever its size.
      await place.archiveAll();
      await cluster.exec('create table last_word as select 42 as answer');
      await place.archiveAll();
      const recovered = await place.restore('copy');
      await recovered.start();
      await recovered.waitFor('not pg_is_in_recovery()', 60_000);
      const { answer, ...copied } = {
        answer: await recovered.text('select answer from last_word'),
        tables: await recovered.tableChecksums(),
      };
      assert.equal(answer, '42');
      assert.deepEqual(new Map([...copied.tables].filter(([name]) => !name.endsWith('.last_word'))), source);
    });
  }
};
