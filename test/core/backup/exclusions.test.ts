import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ClusterEntry,
  type ClusterFacts,
  classifyEntry,
  relationFileOf,
} from '../../../lib/core/backup/exclusions.ts';

const facts: ClusterFacts = { majorVersion: 17, hasInitFork: () => false };

const judge = (
  path: string,
  kind: ClusterEntry['kind'] = 'file',
  over: Partial<ClusterFacts> = {},
): string => {
  const verdict = classifyEntry({ path, kind }, { ...facts, ...over });
  switch (verdict.action) {
    case 'leave-out':
      return `out: ${verdict.reason}`;
    case 'keep-empty':
      return `empty: ${verdict.reason} [${verdict.directories.join(' ')}]`;
    case 'tablespace':
      return `tablespace ${verdict.oid}`;
    default:
      return verdict.action;
  }
};

test('files of the cluster are kept, pg_control last', () => {
  for (const path of [
    'PG_VERSION',
    'postgresql.conf',
    'postgresql.auto.conf',
    'pg_hba.conf',
    'current_logfiles',
    'base/5/1259',
    'base/5/1259_fsm',
    'base/5/1259.1',
    'base/5/pg_filenode.map',
    'global/pg_filenode.map',
    'pg_xact/0000',
    'pg_tblspc/16386/PG_17_202406281/5/16390',
  ]) {
    assert.equal(judge(path), 'keep', path);
  }
  assert.equal(judge('global/pg_control'), 'keep-last');
  assert.equal(judge('base/5/pg_control'), 'keep');
});

test('as pg_basebackup does, the log directory and signal files are kept', () => {
  for (const path of ['log', 'pg_log']) assert.equal(judge(path, 'directory'), 'keep');
  for (const path of ['log/postgresql.log', 'standby.signal', 'recovery.signal', 'backup_label.old']) {
    assert.equal(judge(path), 'keep', path);
  }
});

test('directories that PostgreSQL empties at start are kept empty, even where they are links', () => {
  for (const path of [
    'pg_dynshmem',
    'pg_notify',
    'pg_replslot',
    'pg_serial',
    'pg_snapshots',
    'pg_stat_tmp',
    'pg_subtrans',
  ]) {
    assert.equal(judge(path, 'directory'), 'empty: made-at-start []', path);
    assert.equal(judge(path, 'symlink'), 'empty: made-at-start []', path);
  }
});

test('pg_wal is kept empty with the directories that its PostgreSQL has', () => {
  assert.equal(judge('pg_wal', 'symlink', { majorVersion: 14 }), 'empty: in-archive [archive_status]');
  assert.equal(judge('pg_wal', 'directory', { majorVersion: 16 }), 'empty: in-archive [archive_status]');
  assert.equal(judge('pg_wal', 'directory'), 'empty: in-archive [archive_status summaries]');
});

test('what belongs to the running server or an earlier backup stays out', () => {
  for (const path of [
    'postmaster.pid',
    'postmaster.opts',
    'backup_label',
    'tablespace_map',
    'backup_manifest',
  ]) {
    assert.equal(judge(path), 'out: of-the-running-server', path);
  }
  for (const path of ['postgresql.auto.conf.tmp', 'current_logfiles.tmp']) {
    assert.equal(judge(path), 'out: temporary', path);
  }
});

test('excluded names count only where PostgreSQL puts them', () => {
  assert.equal(judge('extension_data/pg_wal', 'directory'), 'keep');
  assert.equal(judge('extension_data/pg_replslot', 'directory'), 'keep');
  assert.equal(judge('extension_data/postmaster.pid'), 'keep');
  assert.equal(judge('extension_data/backup_label'), 'keep');
  assert.equal(judge('extension_data/pgsql_tmp', 'directory'), 'keep');
  assert.equal(judge('backup_label', 'directory'), 'keep');
  assert.equal(judge('pg_internal.init'), 'keep');
  assert.equal(judge('backup_label.old'), 'keep');
});

test('the relation cache is rebuilt at start, its temporary files too', () => {
  for (const path of [
    'global/pg_internal.init',
    'global/pg_internal.init.4711',
    'base/5/pg_internal.init',
    'pg_tblspc/16386/PG_17_202406281/5/pg_internal.init.1',
  ]) {
    assert.equal(judge(path), 'out: made-at-start', path);
  }
});

test('sort and hash files are left out wherever a tablespace keeps them', () => {
  assert.equal(judge('base/pgsql_tmp', 'directory'), 'out: temporary');
  assert.equal(judge('base/pgsql_tmp12.0'), 'out: temporary');
  assert.equal(judge('pg_tblspc/16386/PG_17_202406281/pgsql_tmp', 'directory'), 'out: temporary');
});

test('of an unlogged relation only the init fork is kept', () => {
  const asked: string[] = [];
  const hasInitFork = (path: string): boolean => {
    asked.push(path);
    return path.endsWith('/16384');
  };
  const judgeUnlogged = (path: string): string => judge(path, 'file', { hasInitFork });
  for (const name of ['16384', '16384.1', '16384_fsm', '16384_vm', '16384_fsm.2']) {
    assert.equal(judgeUnlogged(`base/5/${name}`), 'out: unlogged', name);
  }
  assert.deepEqual(new Set(asked), new Set(['base/5/16384']));
  assert.equal(judgeUnlogged('base/5/16384_init'), 'keep');
  assert.equal(judgeUnlogged('base/5/16385'), 'keep');
  assert.equal(judgeUnlogged('pg_tblspc/16386/PG_17_202406281/5/16384'), 'out: unlogged');
  assert.equal(judgeUnlogged('global/16384'), 'keep', 'shared relations are never unlogged');
});

test('temporary relations are left out, but only in a database', () => {
  for (const name of ['t3_16384', 't3_16384_fsm', 't12_16384.1', 't3_16384_vm.2']) {
    assert.equal(judge(`base/5/${name}`), 'out: temporary', name);
  }
  for (const path of ['base/5/t3_', 'base/5/t_16384', 'base/5/t3_16384x', 'global/t3_16384', 't3_16384']) {
    assert.equal(judge(path), 'keep', path);
  }
});

test('a tablespace is a link with a number; in it only our own version directory is ours', () => {
  assert.equal(judge('pg_tblspc', 'directory'), 'keep');
  assert.equal(judge('pg_tblspc/16386', 'symlink'), 'tablespace 16386');
  assert.equal(
    judge('pg_tblspc/16386', 'directory'),
    'keep',
    'in place, as allow_in_place_tablespaces makes them',
  );
  assert.equal(judge('pg_tblspc/16386/PG_17_202406281', 'directory'), 'keep');
  assert.equal(judge('pg_tblspc/16386/PG_16_202307071', 'directory'), 'out: of-another-version');
  assert.equal(judge('pg_tblspc/16386/lost+found', 'directory'), 'out: of-another-version');
  assert.equal(judge('pg_tblspc/somewhere', 'symlink'), 'out: special-file');
  assert.equal(judge('pg_tblspc/016386', 'symlink'), 'out: special-file');
});

test('a tablespace inside of the data directory does not come twice', () => {
  const innerTablespaces = new Set(['my/space']);
  assert.equal(judge('my/space', 'directory', { innerTablespaces }), 'empty: tablespace-inside []');
  assert.equal(judge('my', 'directory', { innerTablespaces }), 'keep');
  assert.equal(judge('my/space', 'file', { innerTablespaces }), 'keep');
});

test('links and sockets that PostgreSQL did not make are left out as special files', () => {
  assert.equal(judge('log', 'symlink'), 'out: special-file');
  assert.equal(judge('base/5/1259', 'symlink'), 'out: special-file');
  assert.equal(judge('.s.PGSQL.5432', 'other'), 'out: special-file');
  assert.equal(judge('global/pg_control', 'symlink'), 'out: special-file');
});

test('our own temporary files and those of the operating system are left out at any depth', () => {
  assert.equal(judge('.walwarden.tmp.1'), 'out: of-walwarden');
  assert.equal(judge('base/5/.walwarden-restore'), 'out: of-walwarden');
  assert.equal(judge('base/5/.DS_Store'), 'out: operating-system');
});

test('data pages lie in relation files of global, of databases and of tablespaces', () => {
  const main = { segmentNumber: 0, fork: 'main' };
  assert.deepEqual(relationFileOf('global/1262'), main);
  assert.deepEqual(relationFileOf('base/5/1259'), main);
  assert.deepEqual(relationFileOf('pg_tblspc/16386/PG_17_202406281/5/16390'), main);
  assert.deepEqual(relationFileOf('base/5/1259.12'), { segmentNumber: 12, fork: 'main' });
  assert.deepEqual(relationFileOf('base/5/1259_fsm'), { segmentNumber: 0, fork: 'fsm' });
  assert.deepEqual(relationFileOf('base/5/1259_vm.1'), { segmentNumber: 1, fork: 'vm' });
  assert.deepEqual(relationFileOf('base/5/1259_init'), { segmentNumber: 0, fork: 'init' });
  assert.deepEqual(relationFileOf('base/5/1259.32767'), { segmentNumber: 32_767, fork: 'main' });
});

test('no other file is taken for one with data pages', () => {
  for (const path of [
    'global/pg_control',
    'global/pg_filenode.map',
    'base/5/PG_VERSION',
    'base/5/pg_internal.init',
    'base/5/t3_16384',
    'base/5/1259.0',
    'base/5/1259.01',
    'base/5/1259.32768',
    'base/5/01259',
    'base/5/1259_toast',
    'base/1259',
    'base/five/1259',
    '1259',
    'pg_xact/0000',
    'pg_multixact/members/1',
    'global/5/1259',
    'pg_tblspc/16386/PG_17_202406281/1259',
    'pg_tblspc/16386/PG_17_202406281/five/1259',
    'pg_tblspc/16386/PG_17_202406281/5/6/1259',
    'pg_tblspc/16386/other/5/1259',
    'pg_tblspc/x/PG_17_202406281/5/1259',
  ]) {
    assert.equal(relationFileOf(path), undefined, path);
  }
});
