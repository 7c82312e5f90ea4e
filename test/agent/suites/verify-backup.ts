import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Cluster } from '../../support/cluster.ts';
import { giveToClusterUser } from '../../support/cluster-user.ts';
import { demandPgVerifyBackup } from '../../support/pg-verifybackup.ts';
import { demandMajor, type Major } from '../../support/postgres-parts.ts';
import { type ProtectedCluster, protectCluster } from '../../support/protected-cluster.ts';
import type { TestStore } from '../../support/test-archive.ts';

const makeTablespace = async ({ cluster, directory }: ProtectedCluster): Promise<string> => {
  const location = join(directory, 'space');
  mkdirSync(location, { mode: 0o700 });
  giveToClusterUser(location);
  await cluster.exec(`create tablespace space location '${location}'`);
  await cluster.exec('create table apart tablespace space as select n from generate_series(1, 100) as n');
  return `--tablespace-mapping=${location}=${location} moved`;
};

/** A running cluster with rows, unlogged rows, and WAL after its backup. */
const backedUp = async (
  t: TestContext,
  store: TestStore,
  major: Major,
  hasTablespace: boolean,
): Promise<{ readonly place: ProtectedCluster; readonly options: readonly string[] }> => {
  const place = await protectCluster(t, await store.open(t), { major });
  await place.cluster.exec(
    'create table "näme" as select 1 as n; create unlogged table gone as select 1 as n',
  );
  const options = hasTablespace ? [await makeTablespace(place)] : [];
  await place.backup();
  return { place, options };
};

/** Puts the WAL that a backup needs to be consistent into its pg_wal, with the agent as restore_command would. */
const fetchWal = async (place: ProtectedCluster, directory: string): Promise<readonly string[]> => {
  const label = readFileSync(join(directory, 'backup_label'), 'utf8');
  const start = /\(file ([0-9A-F]{24})\)/.exec(label)?.[1] ?? '';
  const names = (await place.archive.keys('wal_005/'))
    .map((key) => /^wal_005\/([0-9A-F]{24})\.lz4$/.exec(key)?.[1] ?? '')
    .filter((name) => name >= start && name !== '');
  for (const name of names) {
    const { status, stderr } = await place.agent(['wal-fetch', name, join(directory, 'pg_wal', name)]);
    assert.equal(status, 0, stderr);
  }
  return names;
};

const flipByte = (path: string): void => {
  const content = readFileSync(path);
  content.writeUInt8(content.readUInt8(content.length - 1) ^ 1, content.length - 1);
  writeFileSync(path, content);
};

const satisfyPostgres = async (t: TestContext, store: TestStore, hasTablespace: boolean): Promise<void> => {
  const program = await demandPgVerifyBackup(t);
  // Version 1 of the manifest is read by every pg_verifybackup, its WAL only by the pg_waldump of its own major.
  if (program === undefined || !demandMajor(t, 15)) return;
  const { place, options } = await backedUp(t, store, 15, hasTablespace);
  const copy = await place.restore('copy', 'LATEST', '--manifest', ...options);
  const accepted = await program.verify(['-n', copy.dataDirectory]);
  assert.equal(accepted.isAccepted, true, accepted.output);
  if (program.major === 15) {
    const names = await fetchWal(place, copy.dataDirectory);
    assert(names.length > 0, 'there is WAL to parse');
    const withWal = await program.verify([copy.dataDirectory]);
    assert.equal(withWal.isAccepted, true, withWal.output);
  }

  const relation = await place.cluster.text(`select pg_relation_filepath('"näme"')`);
  flipByte(join(copy.dataDirectory, relation));
  const refused = await program.verify(['-n', copy.dataDirectory]);
  assert.equal(refused.isAccepted, false);
  assert.match(refused.output, new RegExp(`checksum mismatch for file "${relation}"`));

  // What it accepted also runs.
  const again = await place.restore(
    'again',
    'LATEST',
    '--manifest',
    ...options.map((text) => `${text} again`),
  );
  await again.start();
  await again.waitFor('not pg_is_in_recovery()');
  assert.deepEqual(await again.tableChecksums(), await place.cluster.tableChecksums());
};

const sha256Of = async (path: string): Promise<{ readonly bytes: number; readonly sha256: string }> => {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
};

type Manifest = {
  readonly 'PostgreSQL-Backup-Manifest-Version': number;
  readonly Files: readonly {
    readonly Path: string;
    readonly Size: number;
    readonly Checksum: string;
    readonly 'Checksum-Algorithm': string;
  }[];
  readonly 'WAL-Ranges': readonly { readonly Timeline: number }[];
};

/** What pg_verifybackup does not look at (src/bin/pg_verifybackup/pg_verifybackup.c, ignore_list). */
const isIgnored = (path: string): boolean =>
  /^(backup_manifest$|pg_wal\/|postgresql\.auto\.conf$|recovery\.signal$|standby\.signal$)/.test(path);

/** Checks the manifest as the manual describes it, with nothing of ours and nothing of PostgreSQL's. */
const checkManifest = async (copy: Cluster, systemIdentifier: string): Promise<void> => {
  const text = readFileSync(join(copy.dataDirectory, 'backup_manifest'), 'utf8');
  const manifest: Manifest = JSON.parse(text);
  const [, body = '', checksum] = /^(.*\n)"Manifest-Checksum": "([0-9a-f]{64})"\}\n$/s.exec(text) ?? [];
  assert.equal(createHash('sha256').update(body).digest('hex'), checksum, 'the checksum of the manifest');
  if (copy.major >= 17) {
    assert.equal(manifest['PostgreSQL-Backup-Manifest-Version'], 2);
    // Larger than a JavaScript number, so it is looked for in the text.
    assert(text.includes(`"System-Identifier": ${systemIdentifier},`), 'whose backup it is');
  } else {
    assert.equal(manifest['PostgreSQL-Backup-Manifest-Version'], 1);
  }
  assert.deepEqual(
    manifest['WAL-Ranges'].map(({ Timeline }) => Timeline),
    [1],
  );
  const listed = new Set<string>();
  for (const file of manifest.Files) {
    assert.equal(listed.has(file.Path), false, `${file.Path} is listed once`);
    listed.add(file.Path);
    assert.equal(file['Checksum-Algorithm'], 'SHA256');
    if (isIgnored(file.Path)) continue;
    const facts = await sha256Of(join(copy.dataDirectory, file.Path));
    assert.deepEqual(facts, { bytes: file.Size, sha256: file.Checksum }, file.Path);
  }
  const links = readdirSync(join(copy.dataDirectory, 'pg_tblspc')).map((oid) => `pg_tblspc/${oid}`);
  const found = ['', ...links].flatMap((root) =>
    readdirSync(join(copy.dataDirectory, root), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(copy.dataDirectory.length + 1)),
  );
  assert.deepEqual(
    found.filter((path) => !isIgnored(path) && !listed.has(path)),
    [],
    'every file is listed',
  );
};

export const verifyBackupSuite = (store: TestStore): void => {
  for (const hasTablespace of [false, true]) {
    const what = hasTablespace ? 'with a moved tablespace' : 'without tablespaces';
    test(`pg_verifybackup accepts a restore from ${store.name} ${what}, and no flipped byte in it`, async (t) => {
      await satisfyPostgres(t, store, hasTablespace);
    });
  }

  for (const major of [14, 17] as const) {
    test(`the backup_manifest of PostgreSQL ${major} restored from ${store.name} names every file and its checksum`, async (t) => {
      if (!demandMajor(t, major)) return;
      const { place, options } = await backedUp(t, store, major, true);
      const copy = await place.restore('copy', 'LATEST', '--manifest', '--standby', ...options);
      const identity = await place.cluster.text('select system_identifier::text from pg_control_system()');
      await checkManifest(copy, identity);
    });
  }
};
