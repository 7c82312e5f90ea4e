import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { goJson, memberOf, specOf, spread } from './foreign-archive.ts';
import type { ForeignEncoder } from './foreign-codecs.ts';
import type { CopiedCluster } from './foreign-copy.ts';
import { foreignTar } from './foreign-tar.ts';
import type { TestArchive } from './test-archive.ts';

/** What WAL-E leaves out of the data directory, and what it keeps empty. */
const walELeftOut =
  /^(postgresql\.conf|pg_hba\.conf|pg_ident\.conf|postmaster\.(pid|opts)|recovery\.(conf|done))$/;
const walEEmptied = /^(pg_xlog|pg_wal|pg_log|pg_replslot|pgsql_tmp|pg_stat_tmp)\//;

/** Stores a backup as `wal-e backup-push` does; the copy has to be an exclusive one. */
export const storeWalEBackup = async (
  archive: TestArchive,
  copy: CopiedCluster,
  encoder: ForeignEncoder,
): Promise<string> => {
  const name = `base_${copy.start.segment}_${String(copy.start.offset).padStart(8, '0')}`;
  const members = copy.entries
    .filter(({ path }) => !walELeftOut.test(path) && !walEEmptied.test(path))
    .filter(({ path, kind }) => kind !== 'symlink' || !path.startsWith('pg_tblspc/'))
    .map((entry) => memberOf(entry, entry.path));
  const folder = `basebackups_005/${name}`;
  await archive.write(`${folder}/extended_version.txt`, Buffer.from('PostgreSQL 14'));
  for (const [index, content] of spread(members).entries()) {
    const key = `${folder}/tar_partitions/part_${String(index).padStart(8, '0')}.tar${encoder.suffix}`;
    await archive.write(key, encoder.encode(foreignTar(content)));
  }
  const sentinel = {
    wal_segment_backup_stop: copy.stop.segment,
    wal_segment_offset_backup_stop: String(copy.stop.offset).padStart(8, '0'),
    expanded_size_bytes: members.reduce((bytes, { content }) => bytes + content.length, 0),
    spec: specOf(copy, '/'),
  };
  await archive.write(`${folder}_backup_stop_sentinel.json`, Buffer.from(goJson(sentinel)));
  return name;
};

/** Stores the WAL that archive_command left in a directory, each file with the codec's suffix, once each. */
export const storeWal = async (
  archive: TestArchive,
  directory: string,
  encoder: ForeignEncoder,
): Promise<void> => {
  const stored = new Set(await archive.keys('wal_005/'));
  for (const file of readdirSync(directory)) {
    const key = `wal_005/${file}${encoder.suffix}`;
    if (!stored.has(key)) await archive.write(key, encoder.encode(readFileSync(join(directory, file))));
  }
};
