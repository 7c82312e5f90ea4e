import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runAgent } from '../../support/agent.ts';
import { giveToClusterUser } from '../../support/cluster-user.ts';
import { storeWalGBackup } from '../../support/foreign-archive.ts';
import {
  demandEncoder,
  type ForeignEncoder,
  foreignEncoderNames,
  lzopEncoder,
  plainEncoder,
} from '../../support/foreign-codecs.ts';
import { copyRunning } from '../../support/foreign-copy.ts';
import { assertRecovers, configureAs, copySource, fill, startSource } from '../../support/foreign-source.ts';
import { storeWal, storeWalEBackup } from '../../support/foreign-wal-e.ts';
import { demandMajor } from '../../support/postgres-parts.ts';
import type { TestStore } from '../../support/test-archive.ts';

/** @param encoders whose objects the local backup is made of, one after the other */
export const foreignBackupsSuite = (
  store: TestStore,
  encoders: readonly string[] = foreignEncoderNames,
): void => {
  test(`a local backup of WAL-G in ${store.name} recovers in every codec that WAL-G reads`, async (t) => {
    if (!demandMajor(t, 17)) return;
    const source = await startSource(t, 17);
    const copy = await copySource(source);
    for (const name of encoders) {
      await t.test(name, async (inner) => {
        const encoder = demandEncoder(inner, name);
        if (encoder === undefined) return;
        const archive = await store.open(inner);
        await storeWalGBackup(archive, copy, encoder);
        await storeWal(archive, source.walDirectory, encoder);
        await assertRecovers(inner, source, archive, `local-${name.replaceAll(' ', '-')}`);
      });
    }
  });

  test(`a backup of WAL-G in ${store.name} recovers wherever its list of files is, and without one`, async (t) => {
    if (!demandMajor(t, 17)) return;
    const source = await startSource(t, 17);
    const copy = await copySource(source);
    for (const [name, options] of [
      ['inline', { list: 'inline' }],
      ['without', { list: 'disabled' }],
      ['remote', { style: 'remote' }],
      ['remote-without', { style: 'remote', list: 'disabled' }],
    ] as const) {
      const archive = await store.open(t);
      await storeWalGBackup(archive, copy, plainEncoder, options);
      await storeWal(archive, source.walDirectory, plainEncoder);
      await assertRecovers(t, source, archive, name);
    }
  });

  test(`tablespaces of foreign backups in ${store.name} go where a mapping or a restore spec says`, async (t) => {
    if (!demandMajor(t, 16)) return;
    const source = await startSource(t, 16);
    const place = join(source.directory, 'space');
    mkdirSync(place);
    giveToClusterUser(place);
    await source.cluster.exec(`create tablespace space location '${place}'`);
    await source.cluster.exec(
      'create table in_space (n int) tablespace space; insert into in_space values (1)',
    );
    const copy = await copySource(source);
    const [oid = ''] = copy.tablespaces.map((tablespace) => tablespace.oid);
    for (const style of ['local', 'remote'] as const) {
      const archive = await store.open(t);
      await storeWalGBackup(archive, copy, plainEncoder, { style });
      await storeWal(archive, source.walDirectory, plainEncoder);
      const mapped = `${place}-mapped-${style}`;
      await assertRecovers(t, source, archive, `mapped-${style}`, {
        fetch: ['--tablespace-mapping', `${place}=${mapped}`],
      });
      const specFile = join(source.directory, `${style}.json`);
      const target = join(source.directory, `spec-${style}`);
      const spec = {
        base_prefix: target,
        tablespaces: [oid],
        [oid]: { loc: `${place}-spec-${style}`, link: `pg_tblspc/${oid}` },
      };
      writeFileSync(specFile, JSON.stringify(spec));
      await assertRecovers(t, source, archive, `spec-${style}`, { fetch: ['--restore-spec', specFile] });
    }
  });

  test(`a chain of WAL-G's deltas in ${store.name} recovers, each of its backups for itself`, async (t) => {
    if (!demandMajor(t, 17)) return;
    const source = await startSource(t, 17);
    const { cluster } = source;
    const archive = await store.open(t);
    const encoder: ForeignEncoder = demandEncoder(t, 'gz') ?? plainEncoder;
    await fill(cluster, 'still', 5000);
    await fill(cluster, 'changes', 20_000);
    await fill(cluster, 'shrinks', 20_000);
    await fill(cluster, 'goes');
    const full = await storeWalGBackup(archive, await copyRunning(cluster), encoder);

    await cluster.exec(
      "update changes set text = 'first' where n < 100; insert into changes select n, 'more' from generate_series(1, 9000) as n",
    );
    await cluster.exec('drop table goes; delete from shrinks where n > 3000');
    await cluster.exec('vacuum shrinks');
    await fill(cluster, 'comes');
    const first = await storeWalGBackup(archive, await copyRunning(cluster), encoder, { parent: full });

    await cluster.exec("update changes set text = 'second' where n between 15000 and 15050; checkpoint");
    await cluster.exec("update comes set text = 'second' where n = 7; checkpoint");
    const second = await storeWalGBackup(archive, await copyRunning(cluster), encoder, { parent: first });

    for (const delta of [first, second]) {
      const flags = [...delta.listed.values()];
      assert(
        flags.some(({ IsSkipped }) => IsSkipped),
        'files that did not change are skipped',
      );
      assert(delta.increments.size > 0, 'files that changed are increments');
      assert(
        [...delta.increments.values()].some((bytes) => bytes > 8192 && bytes < 30 * 8192),
        'of few pages',
      );
    }
    await fill(cluster, 'after_all');
    await source.archiveAll();
    await storeWal(archive, source.walDirectory, encoder);
    for (const { name } of [second, first, full]) {
      await assertRecovers(t, source, archive, `chain-${name}`, { backup: name });
    }
    await t.test('and backup-list says which stands on which', async () => {
      const listed = await runAgent(['backup-list', '--json'], { env: archive.env });
      const backups: readonly Record<string, unknown>[] = JSON.parse(listed.stdout);
      assert.deepEqual(
        backups.map(({ name, taken_by, delta_from, delta_full, delta_count }) => [
          name,
          taken_by,
          delta_from,
          delta_full,
          delta_count,
        ]),
        [
          [full.name, 'wal-g', undefined, undefined, undefined],
          [first.name, 'wal-g', full.name, full.name, 1],
          [second.name, 'wal-g', first.name, full.name, 2],
        ],
      );
    });
  });

  test(`a backup of WAL-E in ${store.name} recovers once it has its configuration again`, async (t) => {
    if (!demandMajor(t, 14)) return;
    const source = await startSource(t, 14);
    const archive = await store.open(t);
    await fill(source.cluster, 'before_copy');
    const copy = await copyRunning(source.cluster, { exclusive: true });
    const name = await storeWalEBackup(archive, copy, lzopEncoder());
    await fill(source.cluster, 'after_copy');
    await source.archiveAll();
    await storeWal(archive, source.walDirectory, lzopEncoder());
    const { stderr } = await assertRecovers(t, source, archive, 'from-wal-e', {
      prepare: configureAs(source),
    });
    assert.match(stderr, /the backup holds no postgresql\.conf/);
    assert.match(stderr, /nobody can tell whether a part is missing/);

    const shown = await runAgent(['backup-show', '--json', name], { env: archive.env });
    const facts: Record<string, unknown> = JSON.parse(shown.stdout);
    const lsn = `${(copy.startLsn >> 32n).toString(16)}/${(copy.startLsn & 0xffffffffn).toString(16)}`;
    assert.equal(facts.taken_by, 'wal-e');
    assert.equal(facts.start_lsn, lsn.toUpperCase());
    assert.equal(facts.started_at, undefined, 'WAL-E says no times');
    assert.equal(typeof facts.stored_at, 'string');
  });
};
