import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createCluster } from './cluster.ts';
import { giveToClusterUser } from './cluster-user.ts';
import { demandMajor, supportedMajors } from './postgres-parts.ts';
import { removeDirectory, temporaryDirectory } from './temporary.ts';
import { eventually } from './waiting.ts';

for (const major of supportedMajors) {
  test(`a cluster of PostgreSQL ${major} starts, archives, and leaves nothing behind`, async (t) => {
    if (!demandMajor(t, major)) return;
    const directory = temporaryDirectory(t);
    const archive = join(directory, 'archive');
    mkdirSync(archive);
    giveToClusterUser(archive);

    const begin = performance.now();
    const cluster = await createCluster({
      major,
      directory,
      walSegmentMiB: 1,
      settings: { archive_mode: 'on', archive_command: `cp "%p" '${archive}/%f'` },
    });
    const made = performance.now();
    await cluster.start();
    t.diagnostic(`initdb ${(made - begin).toFixed(0)} ms, start ${(performance.now() - made).toFixed(0)} ms`);

    assert.match(await cluster.text('show server_version'), new RegExp(`^${major}\\.`));
    assert.equal(await cluster.text('show data_checksums'), 'on');
    const segment = await cluster.switchWal();
    await eventually(`${segment} in the archive`, () => readdirSync(archive).includes(segment));

    const { host } = cluster.connectionSettings();
    await removeDirectory(directory);
    assert.equal(cluster.isRunning(), false);
    assert.equal(existsSync(directory), false);
    assert.equal(existsSync(host), false);
  });
}
