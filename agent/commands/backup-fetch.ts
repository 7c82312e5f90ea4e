import { resolve } from 'node:path';
import type { Command } from '../command-line.ts';

export const command: Command = {
  name: 'backup-fetch',
  group: 'operator',
  summary: 'restore a base backup and prepare the recovery',
  usage: '[OPTION]... DIR NAME|LATEST',
  description:
    'Restores a base backup into DIR, which must be empty or not exist, checks every file on the way, and writes ' +
    'restore_command, the recovery target and the signal file, so that the next step is to start PostgreSQL. Without a ' +
    'target, PostgreSQL recovers to the end of the archive. LATEST is the backup that began last. Run it as the user ' +
    'that will own the cluster.',
  options: {
    'target-time': {
      type: 'string',
      value: 'TIME',
      doc: "Recover to a time, such as '2026-11-21 04:22:00+00'.",
    },
    'target-lsn': { type: 'string', value: 'LSN', doc: 'Recover to a place in the WAL.' },
    'target-xid': { type: 'string', value: 'XID', doc: 'Recover to a transaction.' },
    'target-name': { type: 'string', value: 'NAME', doc: 'Recover to a named restore point.' },
    'target-immediate': { type: 'boolean', doc: 'Recover only until the backup is consistent.' },
    'target-exclusive': { type: 'boolean', doc: 'Stop just before the time, LSN or transaction.' },
    'target-timeline': {
      type: 'string',
      value: 'ID',
      doc: 'Follow this timeline: latest, current or a number.',
    },
    'target-action': { type: 'string', value: 'ACTION', doc: 'At the target: pause, promote or shutdown.' },
    standby: { type: 'boolean', doc: 'Make a standby, which goes on replaying.' },
    'restore-command': {
      type: 'string',
      value: 'COMMAND',
      doc: 'Write this restore_command instead of our own.',
    },
    'no-recovery-settings': { type: 'boolean', doc: 'Restore files only, and leave recovery to you.' },
    'tablespace-mapping': {
      type: 'string',
      value: 'OLD=NEW',
      multiple: true,
      doc: 'Restore the tablespace that lay in OLD to NEW.',
    },
    'restore-spec': {
      type: 'string',
      value: 'FILE',
      doc: 'Restore tablespaces to the places in FILE, as WAL-G and WAL-E write them.',
    },
    manifest: { type: 'boolean', doc: "Write PostgreSQL's backup_manifest, for pg_verifybackup." },
    jobs: { type: 'string', value: 'N', doc: 'Work on N parts at once (WALWARDEN_JOBS).' },
  },
  foreignOptions: {
    'reverse-unpack': { type: 'boolean', doc: 'every restore of a delta backup does so' },
    'skip-redundant-tars': { type: 'boolean', doc: 'every restore of a delta backup does so' },
    'target-storage': { type: 'string', doc: 'there is one archive' },
  },
  arguments: [
    { name: 'DIR', doc: 'The data directory to make.' },
    { name: 'NAME', doc: 'The backup: its name, the begin of it, or LATEST.', optional: true },
  ],
  run: async (context) => {
    const { options, settings } = context;
    const [
      { withArchive },
      { fetchBackup },
      { jobsFrom },
      { recoveryFrom, tablespaceMappingFrom },
      { restoreSpecFrom },
    ] = await Promise.all([
      import('../archive/open-store.ts'),
      import('../backup/fetch.ts'),
      import('../settings/jobs.ts'),
      import('../backup/recovery-options.ts'),
      import('../backup/restore-spec.ts'),
    ]);
    const [directory = '', backup = 'LATEST'] = context.arguments;
    const request = {
      directory: resolve(directory),
      backup,
      tablespaceMapping: tablespaceMappingFrom(options.strings('tablespace-mapping')),
      restoreSpec: await restoreSpecFrom(options, resolve(directory)),
      recovery: options.boolean('no-recovery-settings') ? undefined : recoveryFrom(options, settings),
      withManifest: options.boolean('manifest'),
      jobs: jobsFrom(options.string('jobs'), settings),
      progress: context.progress,
    };
    const restored = await withArchive(context, (archive) => fetchBackup(archive, request));
    context.print(`${restored.name} is restored. Next: pg_ctl start -D ${request.directory}`);
  },
};
