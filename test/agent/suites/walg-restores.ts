import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { agentCommand } from '../../support/agent.ts';
import { adoptCluster } from '../../support/cluster.ts';
import { giveToClusterUser } from '../../support/cluster-user.ts';
import { demandEncoder } from '../../support/foreign-codecs.ts';
import { demandMajor } from '../../support/postgres-parts.ts';
import { protectCluster } from '../../support/protected-cluster.ts';
import { restoreStrictly } from '../../support/strict-restore.ts';
import type { TestStore } from '../../support/test-archive.ts';

export const walGRestoresSuite = (store: TestStore): void => {
  test(`a backup of ours in ${store.name} is restored by WAL-G's rules, and its list names every member exactly`, async (t) => {
    if (!demandMajor(t, 17) || demandEncoder(t, 'lz4') === undefined) return;
    const place = await protectCluster(t, await store.open(t), { major: 17 });
    const { cluster, archive, directory } = place;
    const space = join(directory, 'space "quoted"');
    mkdirSync(space);
    giveToClusterUser(space);
    await cluster.exec(`create tablespace space location '${space}'`);
    await cluster.exec(
      'create table in_space tablespace space as select n from generate_series(1, 3000) as n; ' +
        'create table plain as select n, md5(n::text) as text from generate_series(1, 3000) as n',
    );
    writeFileSync(join(cluster.dataDirectory, 'näme <&> "of" a person.txt'), 'kept');
    giveToClusterUser(join(cluster.dataDirectory, 'näme <&> "of" a person.txt'));
    const name = await place.backup();
    await cluster.exec('insert into plain select n, null from generate_series(1, 10) as n');
    const expected = await cluster.tableChecksums();
    await place.archiveAll();

    const target = join(directory, 'by-the-rules');
    const spaces = join(directory, 'by-the-rules-spaces');
    const restored = await restoreStrictly(archive, name, target, spaces);
    assert.deepEqual(restored.left, [], 'no member is missing from the list');
    const ownParts = ['/global/pg_control', 'backup_label', 'tablespace_map'];
    assert.deepEqual(
      [...restored.listed].sort(),
      [...restored.members.values()]
        .flat()
        .filter((member) => !ownParts.includes(member))
        .sort(),
      'and the list names nothing else',
    );
    assert.deepEqual(restored.tarFileSets, Object.fromEntries(restored.members));
    assert(restored.listed.has('/näme <&> "of" a person.txt'));
    assert(readdirSync(target).includes('näme <&> "of" a person.txt'));

    writeFileSync(join(target, 'recovery.signal'), '');
    const recovered = adoptCluster({
      hooks: t,
      major: 17,
      dataDirectory: target,
      environment: archive.env,
      settings: { archive_mode: 'off', restore_command: `${agentCommand()} wal-fetch "%f" "%p"` },
    });
    handOver(spaces);
    await recovered.start();
    await recovered.waitFor('not pg_is_in_recovery()');
    assert.deepEqual(await recovered.tableChecksums(), expected);
  });
};

const handOver = (path: string): void => {
  giveToClusterUser(path);
  for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
    giveToClusterUser(join(path, name));
  }
};
