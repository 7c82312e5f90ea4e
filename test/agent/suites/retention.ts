import assert from 'node:assert/strict';
import { test } from 'node:test';
import { demandMajor } from '../../support/postgres-parts.ts';
import { type ProtectedCluster, protectCluster, protectedBy } from '../../support/protected-cluster.ts';
import type { TestStore } from '../../support/test-archive.ts';

const major = 17;

const json = async (place: ProtectedCluster, ...args: readonly string[]) => {
  const result = await place.agent([...args, '--json']);
  return { ...result, value: JSON.parse(result.stdout) };
};

const addRow = (place: ProtectedCluster, row: number): Promise<void> =>
  place.cluster.exec(`insert into kept values (${row})`);

/** Three backups with WAL between and after them, and a row before and after each. */
const threeBackups = async (place: ProtectedCluster): Promise<readonly [string, string, string]> => {
  await place.cluster.exec('create table kept (n int)');
  const take = async (row: number): Promise<string> => {
    await addRow(place, row);
    const name = await place.backup();
    await addRow(place, row + 1);
    await place.archiveAll();
    return name;
  };
  return [await take(1), await take(3), await take(5)];
};

export const retentionSuite = (store: TestStore): void => {
  test(`what delete keeps on ${store.name} restores and recovers to the end`, async (t) => {
    if (!demandMajor(t, major)) return;
    const place = await protectCluster(t, await store.open(t), { major });
    const [first, second, third] = await threeBackups(place);
    const before = await place.archive.keys();

    const plan = await json(place, 'delete', 'retain', '1');
    assert.deepEqual(await place.archive.keys(), before, 'without --confirm nothing is deleted');
    assert.deepEqual(
      plan.value.backups.map(({ name, verdict }: { name: string; verdict: string }) => [name, verdict]),
      [
        [first, 'expire'],
        [second, 'expire'],
        [third, 'keep'],
      ],
    );
    const done = await place.agent(['delete', '--confirm', 'retain', '1']);
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stdout, /Deleted 2 backups and \d+ WAL files/);

    const after = await place.archive.keys();
    for (const name of [first, second])
      assert.deepEqual(
        after.filter((key) => key.includes(name)),
        [],
      );
    assert.deepEqual(
      after.filter((key) => key.includes(third)),
      before.filter((key) => key.includes(third)),
    );
    const gone = before.filter((key) => key.startsWith('wal_005/') && !after.includes(key));
    const expiredSegments = plan.value.wal
      .filter(({ verdict }: { verdict: string }) => verdict === 'expire')
      .reduce((sum: number, { segments }: { segments: number }) => sum + segments, 0);
    assert.equal(
      gone.filter((key) => !key.includes('.backup')).length,
      expiredSegments,
      'exactly the segments of the plan are gone',
    );
    assert(expiredSegments > 0);

    assert.equal((await place.agent(['wal-verify'])).status, 0);
    const recovered = await place.restore('recovered');
    await recovered.start();
    await recovered.waitFor('not pg_is_in_recovery()');
    assert.equal(await recovered.text("select string_agg(n::text, ',' order by n) from kept"), '1,2,3,4,5,6');
    await recovered.dispose();

    const copy = await store.open(t);
    const [from, to] = [place.archive.env, copy.env].map((env) => env.WALWARDEN_PREFIX ?? '');
    const copied = await place.agent(['copy', '--from', from ?? '', '--to', to ?? '', '--with-history']);
    assert.equal(copied.status, 0, copied.stderr);
    const fromCopy = await protectedBy(t, copy, place.cluster, place.directory).restore('from-copy');
    await fromCopy.start();
    await fromCopy.waitFor('not pg_is_in_recovery()');
    assert.equal(await fromCopy.text("select string_agg(n::text, ',' order by n) from kept"), '1,2,3,4,5,6');

    const again = await place.agent(['delete', '--confirm', 'retain', '1']);
    assert.match(again.stdout, /Deleted 0 backups and 0 WAL files/);
  });

  test(`a segment that is gone from ${store.name} fails wal-verify and ends the window of adopt`, async (t) => {
    if (!demandMajor(t, major)) return;
    const place = await protectCluster(t, await store.open(t), { major });
    await place.cluster.exec('create table kept (n int)');
    const name = await place.backup();
    for (let row = 0; row < 4; row += 1) {
      await addRow(place, row);
      await place.archiveAll();
    }
    const sound = await json(place, 'wal-verify');
    assert.deepEqual(
      [sound.status, sound.value.integrity.status, sound.value.timeline.status],
      [0, 'OK', 'OK'],
    );

    const segments = (await place.archive.keys('wal_005/')).filter((key) => /\/[0-9A-F]{24}\.lz4$/.test(key));
    const [before = '', lost = ''] = segments.slice(-3);
    await place.archive.remove(lost);
    const nameOf = (key: string): string => key.slice('wal_005/'.length, -'.lz4'.length);

    const verified = await json(place, 'wal-verify', 'integrity');
    assert.deepEqual([verified.status, verified.value.integrity.status], [42, 'FAILURE']);
    assert.deepEqual(
      verified.value.integrity.details.filter(({ status }: { status: string }) => status !== 'FOUND'),
      [
        {
          timeline_id: 1,
          start_segment: nameOf(lost),
          end_segment: nameOf(lost),
          segments_count: 1,
          status: 'MISSING_LOST',
        },
      ],
    );
    const adopted = await json(place, 'adopt');
    const [cluster] = adopted.value.clusters;
    assert.equal(cluster.recovery_windows.length, 1);
    const [window] = cluster.recovery_windows;
    assert.deepEqual([window.backups, window.last_segment], [[name], nameOf(before)]);
    assert.equal(cluster.system_identifier, adopted.value.claims[0].system_identifier);
    assert.deepEqual(
      adopted.value.objects.filter(({ kind }: { kind: string }) => kind === 'unknown'),
      [],
      'we know everything that we write',
    );

    const newer = await place.backup();
    const bridged = await json(place, 'wal-verify');
    assert.deepEqual([bridged.status, bridged.value.integrity.status], [0, 'WARNING']);
    const shown = await place.agent(['wal-show']);
    assert.match(shown.stdout, new RegExp(nameOf(before)));
    const text = await place.agent(['adopt']);
    assert.match(text.stdout, new RegExp(`${nameOf(lost)} is missing, bridged by ${newer}`));
  });
};
