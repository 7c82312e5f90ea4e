import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { adoptCluster } from '../support/cluster.ts';
import { clusterUser, giveToClusterUser } from '../support/cluster-user.ts';
import { protectCluster } from '../support/protected-cluster.ts';
import { directoryStore } from '../support/test-archive.ts';

/** The indented commands under the page's heading "Recovering by hand". */
const recipe = (): string => {
  const page = readFileSync(new URL('../../docs/format.md', import.meta.url), 'utf8');
  const section = page.split('## Recovering by hand')[1] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('    '))
    .map((line) => line.slice(4))
    .join('\n');
};

test('the recipe of docs/format.md recovers a cluster with lz4 and tar alone', async (t) => {
  if (spawnSync('lz4', ['--version']).status !== 0)
    return t.skip('lz4 is not installed: apt-get install lz4');
  const archive = await directoryStore.open(t);
  const { cluster, directory, backup, archiveAll } = await protectCluster(t, archive, { major: 17 });
  await cluster.exec('create table by_hand as select generate_series(1, 1000) as n');
  const name = await backup();
  await cluster.exec('insert into by_hand select generate_series(1001, 2000)');
  await archiveAll();

  const dataDirectory = join(directory, 'by-hand');
  mkdirSync(dataDirectory, { mode: 0o700 });
  giveToClusterUser(dataDirectory);
  const script = recipe();
  assert(script.includes('restore_command'), 'the page has a recipe');
  const { status, stderr } = spawnSync('sh', ['-c', script], {
    cwd: dataDirectory,
    encoding: 'utf8',
    env: {
      PATH: process.env.PATH,
      ARCHIVE: archive.env.WALWARDEN_PREFIX?.slice('file://'.length),
      BACKUP: name,
    },
    ...(clusterUser === undefined ? {} : clusterUser),
  });
  assert.equal(status, 0, stderr);
  const recovered = adoptCluster({ major: 17, dataDirectory, hooks: t, settings: { archive_mode: 'off' } });
  await recovered.start();
  await recovered.waitFor('not pg_is_in_recovery()');
  assert.equal(await recovered.text('select count(*)::text from by_hand'), '2000');
});
