import assert from 'node:assert/strict';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type AgentResult, runAgent } from '../../support/agent.ts';
import { type StoredBackup, storeWalGBackup, type WalGOptions } from '../../support/foreign-archive.ts';
import { lzopEncoder, plainEncoder } from '../../support/foreign-codecs.ts';
import type { CopiedCluster, CopiedEntry } from '../../support/foreign-copy.ts';
import type { TarMember } from '../../support/foreign-tar.ts';
import { storeWalEBackup } from '../../support/foreign-wal-e.ts';
import { type Hooks, temporaryDirectory } from '../../support/temporary.ts';
import type { TestArchive, TestStore } from '../../support/test-archive.ts';

/** 8 KiB pages with an LSN and a letter each, as a relation has them. */
const pages = (...contents: readonly (readonly [lsn: number, letter: string])[]): Buffer =>
  Buffer.concat(
    contents.map(([lsn, letter]) => {
      const page = Buffer.alloc(8192, letter);
      page.writeUInt32LE(0, 0);
      page.writeUInt32LE(lsn, 4);
      return page;
    }),
  );

const file = (path: string, content: Buffer | string, mtimeNs = 1n): CopiedEntry => ({
  path,
  kind: 'file',
  mode: 0o600,
  mtimeNs: 1_700_000_000_000_000_000n + mtimeNs,
  content: Buffer.from(content),
});

const directory = (path: string): CopiedEntry => ({ ...file(path, ''), kind: 'directory', mode: 0o700 });

/** Something small with the shape of a data directory, which no PostgreSQL would start from. */
const copyOf = (startLsn: number, ...entries: readonly CopiedEntry[]): CopiedCluster => {
  const segment = `0000000100000000${(startLsn >> 24).toString(16).toUpperCase().padStart(8, '0')}`;
  const lsn = `0/${startLsn.toString(16).toUpperCase()}`;
  return {
    entries: [
      file('PG_VERSION', '17\n'),
      directory('base'),
      directory('global'),
      file('global/pg_control', Buffer.alloc(8192, `control at ${lsn}`), BigInt(startLsn)),
      ...entries,
    ],
    dataDirectory: '/var/lib/source',
    pgVersion: 170004,
    systemIdentifier: '7441234567890123456',
    startLsn: BigInt(startLsn),
    stopLsn: BigInt(startLsn + 0x100),
    start: { segment, offset: startLsn & 0xffffff },
    stop: { segment, offset: (startLsn + 0x100) & 0xffffff },
    startedAt: new Date(1_700_000_000_000 + startLsn),
    finishedAt: new Date(1_700_000_001_000 + startLsn),
    label:
      `START WAL LOCATION: ${lsn} (file ${segment})\nCHECKPOINT LOCATION: ${lsn}\nBACKUP METHOD: streamed\n` +
      'BACKUP FROM: primary\nSTART TIME: 2026-11-21 04:00:00 UTC\nLABEL: foreign\nSTART TIMELINE: 1\n',
    tablespaceMap: '',
    tablespaces: [],
  };
};

const simple = copyOf(
  0x2000028,
  directory('base/5'),
  file('base/5/16384', pages([1, 'a'])),
  file('base/5/16385', pages([1, 'b'])),
  file('base/5/16386', pages([1, 'c'])),
);

type Trial = AgentResult & { readonly target: string };

const restore = async (hooks: Hooks, archive: TestArchive, ...options: readonly string[]): Promise<Trial> => {
  const target = join(temporaryDirectory(hooks, { ownedByCluster: true }), 'restored');
  const args = ['backup-fetch', '--no-recovery-settings', ...options, target];
  return { ...(await runAgent(args, { env: archive.env })), target };
};

/** The restore has failed for this reason, and no PostgreSQL could start from what it left. */
const assertRefused = (trial: Trial, status: number, reason: RegExp): void => {
  assert.equal(trial.status, status, trial.stderr);
  assert.match(String(trial.events.at(-1)?.message), reason);
  assert.equal(existsSync(join(trial.target, 'global', 'pg_control')), false);
};

const backupDamaged = 41;

/** A full backup, and a delta of it in which one file is an increment, one is unchanged, one new and one gone. */
const storeChain = async (
  archive: TestArchive,
  spoil?: WalGOptions['spoil'],
): Promise<{ readonly full: StoredBackup; readonly delta: StoredBackup }> => {
  const full = await storeWalGBackup(
    archive,
    copyOf(
      0x2000028,
      directory('base/5'),
      file('base/5/16384', pages([1, 'a'], [1, 'b'], [1, 'c'], [1, 'd'])),
      file('base/5/16385', pages([1, 'u'])),
      file('base/5/16386', pages([1, 'g'])),
    ),
    plainEncoder,
  );
  const later = copyOf(
    0x5000028,
    directory('base/5'),
    file('base/5/16384', pages([1, 'a'], [0x3000000, 'B'], [1, 'c']), 2n),
    file('base/5/16385', pages([1, 'u'])),
    file('base/5/16387', pages([0x3000000, 'n']), 2n),
  );
  const delta = await storeWalGBackup(archive, later, plainEncoder, {
    parent: full,
    ...(spoil === undefined ? {} : { spoil }),
  });
  return { full, delta };
};

const changed =
  (name: string, change: (member: TarMember) => readonly TarMember[]): NonNullable<WalGOptions['spoil']> =>
  (members) =>
    members.flatMap((member) => (member.name === name ? change(member) : [member]));

const added =
  (...more: readonly TarMember[]): NonNullable<WalGOptions['spoil']> =>
  (members, part) =>
    part === 1 ? [...members, ...more] : members;

const member = (name: string, kind: TarMember['kind'], link?: string): TarMember => ({
  name,
  kind,
  mode: 0o600,
  mtimeSeconds: 1,
  content: Buffer.from(kind === 'file' ? 'evil' : ''),
  ...(link === undefined ? {} : { link }),
});

const fullBackupTests = (store: TestStore): void => {
  test(`a backup of WAL-G in ${store.name} that lost a part is refused, and a file that it held is named`, async (t) => {
    for (const style of ['local', 'remote'] as const) {
      const archive = await store.open(t);
      const { name } = await storeWalGBackup(archive, simple, plainEncoder, { style });
      await archive.remove(`basebackups_005/${name}/tar_partitions/part_002.tar`);
      assertRefused(
        await restore(t, archive),
        backupDamaged,
        /no part of base_\w+ holds \S+, which it lists/,
      );
    }
  });

  test(`a backup of WAL-G in ${store.name} without pg_control or backup_label is refused, also without a list`, async (t) => {
    for (const part of ['pg_control', 'backup_label']) {
      const archive = await store.open(t);
      const { name } = await storeWalGBackup(archive, simple, plainEncoder, { list: 'disabled' });
      await archive.remove(`basebackups_005/${name}/tar_partitions/${part}.tar`);
      assertRefused(
        await restore(t, archive),
        backupDamaged,
        new RegExp(`no part .* holds (global/)?${part}`),
      );
    }
  });

  test(`a backup in ${store.name} that is mixed with another of its name is refused`, async (t) => {
    const archive = await store.open(t);
    const other = copyOf(0x2000999);
    await storeWalGBackup(archive, { ...simple, label: other.label }, plainEncoder);
    assertRefused(
      await restore(t, archive),
      backupDamaged,
      /backup_label of \S+ begins at 0\/2000999, .* 0\/2000028/,
    );
  });

  test(`members that no list names are left in the parts, as WAL-G leaves them in ${store.name}`, async (t) => {
    const archive = await store.open(t);
    await storeWalGBackup(archive, simple, plainEncoder, { spoil: added(member('/base/5/99999', 'file')) });
    const trial = await restore(t, archive);
    assert.equal(trial.status, 0, trial.stderr);
    assert.deepEqual(readdirSync(join(trial.target, 'base/5')).sort(), ['16384', '16385', '16386']);
    assert.deepEqual(readFileSync(join(trial.target, 'base/5/16385')), pages([1, 'b']));
  });

  test(`nothing of a backup in ${store.name} is written outside of the directory that is restored to`, async (t) => {
    const evil: readonly (readonly [TarMember, RegExp])[] = [
      [member('../evil', 'file'), /part_002\.tar .* member named "\.\.\/evil"/],
      [member('/base/../../evil', 'file'), /member named/],
      [member('/base/5/link', 'symlink', '/etc'), /base\/5\/link is a symbolic link/],
    ];
    for (const list of ['file', 'disabled'] as const) {
      for (const [unwanted, reason] of evil) {
        const archive = await store.open(t);
        await storeWalGBackup(archive, simple, plainEncoder, { list, spoil: added(unwanted) });
        const trial = await restore(t, archive);
        assertRefused(trial, backupDamaged, reason);
        assert.equal(existsSync(join(trial.target, '..', 'evil')), false);
      }
    }
  });

  test(`links beside the configuration in ${store.name} are left out with a word, and never written through`, async (t) => {
    const archive = await store.open(t);
    const outside = temporaryDirectory(t, { ownedByCluster: true });
    const spoil = added(member('/certs', 'symlink', outside), member('/certs/evil', 'file'));
    await storeWalGBackup(archive, simple, plainEncoder, { list: 'disabled', spoil });
    const trial = await restore(t, archive);
    assert.equal(trial.status, 0, trial.stderr);
    assert.match(trial.stderr, /symbolic link of the source, left out/);
    assert.equal(lstatSync(join(trial.target, 'certs')).isDirectory(), true);
    assert.deepEqual(readdirSync(outside), []);
  });

  test(`a file that two parts of a backup in ${store.name} hold is refused`, async (t) => {
    for (const list of ['file', 'disabled'] as const) {
      const archive = await store.open(t);
      const twice = added(member('/base/5/16384', 'file'));
      await storeWalGBackup(archive, simple, plainEncoder, { list, spoil: twice });
      assertRefused(await restore(t, archive), backupDamaged, /twice/);
    }
  });

  test(`files of a tablespace whose place nobody says are not restored from ${store.name}`, async (t) => {
    const archive = await store.open(t);
    const strayed = member('/pg_tblspc/16400/PG_17_202406281/5/1', 'file');
    await storeWalGBackup(archive, simple, plainEncoder, { list: 'disabled', spoil: added(strayed) });
    assertRefused(await restore(t, archive), 46, /tablespace that it does not say the place of/);
  });

  test(`a backup of WAL-E in ${store.name} that lost a part between others is refused`, async (t) => {
    const archive = await store.open(t);
    const exclusive = { ...simple, entries: [...simple.entries, file('backup_label', simple.label)] };
    const name = await storeWalEBackup(archive, exclusive, lzopEncoder());
    const whole = await restore(t, archive);
    assert.equal(whole.status, 0, whole.stderr);
    await archive.remove(`basebackups_005/${name}/tar_partitions/part_00000001.tar.lzo`);
    assertRefused(await restore(t, archive), backupDamaged, /part 1 of base_\w+ is missing/);
  });
};

const deltaTests = (store: TestStore): void => {
  test(`a delta in ${store.name} gives exactly the files that it lists, each in its newest state`, async (t) => {
    const archive = await store.open(t);
    await storeChain(archive);
    const trial = await restore(t, archive);
    assert.equal(trial.status, 0, trial.stderr);
    const restored = (name: string): Buffer => readFileSync(join(trial.target, 'base/5', name));
    assert.deepEqual(readdirSync(join(trial.target, 'base/5')).sort(), ['16384', '16385', '16387']);
    assert.deepEqual(restored('16384'), pages([1, 'a'], [0x3000000, 'B'], [1, 'c']), 'cut and written over');
    assert.deepEqual(restored('16385'), pages([1, 'u']), 'taken from the full backup');
    assert.deepEqual(restored('16387'), pages([0x3000000, 'n']));
    assert.match(readFileSync(join(trial.target, 'backup_label'), 'utf8'), /START WAL LOCATION: 0\/5000028/);
    assert.match(readFileSync(join(trial.target, 'global/pg_control'), 'utf8'), /control at 0\/5000028/);
  });

  test(`an increment in ${store.name} that is cut, longer, of another kind or out of bounds is refused`, async (t) => {
    const spoilt = (change: (content: Buffer) => Buffer): NonNullable<WalGOptions['spoil']> =>
      changed('/base/5/16384', (found) => [{ ...found, content: change(Buffer.from(found.content)) }]);
    const harms: readonly (readonly [(content: Buffer) => Buffer, RegExp])[] = [
      [(content) => content.subarray(0, -1), /the increment has 8211 bytes and should have 8212/],
      [(content) => content.subarray(0, 10), /an increment of 10 bytes is cut short/],
      [(content) => Buffer.concat([content, Buffer.alloc(1)]), /has 8213 bytes and should have 8212/],
      [(content) => content.fill('wi2', 0, 3), /does not begin with "wi1U"/],
      [(content) => content.fill(1, 4, 5), /which is no number of pages/],
      [(content) => content.fill(0xff, 16, 20), /a page for block 4294967295/],
    ];
    for (const [harm, reason] of harms) {
      const archive = await store.open(t);
      await storeChain(archive, spoilt(harm));
      assertRefused(await restore(t, archive), backupDamaged, reason);
    }
  });

  test(`a delta in ${store.name} whose parent is missing, is another one, or lost a file is refused`, async (t) => {
    const harms: readonly (readonly [
      (archive: TestArchive, full: StoredBackup) => Promise<unknown>,
      RegExp,
    ])[] = [
      [
        (archive, { name }) => archive.remove(`basebackups_005/${name}_backup_stop_sentinel.json`),
        /is a delta of base_\w+, which is not in the archive/,
      ],
      [
        // A second backup that began in the same segment replaced it.
        (archive) => storeWalGBackup(archive, { ...simple, startLsn: 0x2000999n }, plainEncoder),
        /began at 0\/2000028, but the one in the archive began at 0\/2000999/,
      ],
      [
        (archive, { name }) => archive.remove(`basebackups_005/${name}/files_metadata.json`),
        /should come from base_\w+, which does not list it/,
      ],
      [
        (archive, { name }) => archive.remove(`basebackups_005/${name}/tar_partitions/part_002.tar`),
        /no part of base_\w+ holds base\/5\/\d+, which it lists/,
      ],
    ];
    for (const [harm, reason] of harms) {
      const archive = await store.open(t);
      const { full } = await storeChain(archive);
      await harm(archive, full);
      assertRefused(await restore(t, archive), backupDamaged, reason);
    }
  });

  test(`a delta in ${store.name} without its list of files is refused`, async (t) => {
    const archive = await store.open(t);
    const { delta } = await storeChain(archive);
    await archive.remove(`basebackups_005/${delta.name}/files_metadata.json`);
    assertRefused(await restore(t, archive), backupDamaged, /is a delta without a list of its files/);
  });
};

export const foreignDamageSuite = (store: TestStore): void => {
  fullBackupTests(store);
  deltaTests(store);
};
