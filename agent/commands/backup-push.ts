import { isAbsolute, resolve } from 'node:path';
import type { BackupSummary } from '../../lib/core/backup/backup-summary.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import type { Command } from '../command-line.ts';

export const command: Command = {
  name: 'backup-push',
  group: 'operator',
  summary: 'take a base backup',
  usage: '[--permanent] [--add-user-data JSON] [--jobs N] [--allow-damaged-pages] [PGDATA]',
  description:
    'Takes a base backup of the running cluster, on its primary or on a standby, and prints its name. The backup exists ' +
    'only when everything is in the archive: every part with its checksum, and all WAL from its start to its end. Data ' +
    'pages are checked against their checksums on the way; damaged ones are reported, and the command then ends with ' +
    'status 43 although the backup was taken.',
  options: {
    permanent: { type: 'boolean', short: 'p', doc: 'Never let retention expire this backup.' },
    'add-user-data': { type: 'string', value: 'JSON', doc: 'Keep this with the backup.' },
    jobs: { type: 'string', value: 'N', doc: 'Work on N parts at once (WALWARDEN_JOBS).' },
    'allow-damaged-pages': { type: 'boolean', doc: 'End with 0 even if data pages are damaged.' },
  },
  foreignOptions: {
    full: { type: 'boolean', short: 'f', doc: 'every base backup is whole' },
    verify: { type: 'boolean', short: 'v', doc: 'page checksums are always verified' },
    'store-all-corrupt': { type: 'boolean', short: 's', doc: 'every damaged page is named in the log' },
    'rating-composer': { type: 'boolean', short: 'r', doc: 'parts are made as they come' },
    'copy-composer': { type: 'boolean', short: 'c', doc: 'parts are made as they come' },
    'database-composer': { type: 'boolean', short: 'b', doc: 'parts are made as they come' },
    'delta-from-name': { type: 'string', doc: 'every base backup is whole' },
    'delta-from-user-data': { type: 'string', doc: 'every base backup is whole' },
    'without-files-metadata': { type: 'boolean', doc: 'the manifest is needed to check a restore' },
    'target-storage': { type: 'string', doc: 'there is one archive' },
  },
  arguments: [
    {
      name: 'PGDATA',
      doc: "The data directory; left out, PGDATA or the server's own answer.",
      optional: true,
    },
  ],
  run: async (context) => {
    const { options, settings } = context;
    const [{ withArchive }, { connectPostgres }, { pushBackup }, { jobsFrom }] = await Promise.all([
      import('../archive/open-store.ts'),
      import('../host/postgres.ts'),
      import('../backup/push.ts'),
      import('../settings/jobs.ts'),
    ]);
    const named = context.arguments[0] ?? settings.postgres.PGDATA;
    const request = {
      dataDirectory: named === undefined || isAbsolute(named) ? named : resolve(named),
      jobs: jobsFrom(options.string('jobs'), settings),
      partBytes: settings.partBytes,
      isPermanent: options.boolean('permanent'),
      userData: options.string('add-user-data'),
      walWaitSeconds: settings.backupWalWaitSeconds,
      progress: context.progress,
    };
    const summary = await withArchive(context, async (archive) => {
      const session = await connectPostgres(settings.postgres);
      try {
        return await pushBackup(archive, session, request);
      } finally {
        await session.end();
      }
    });
    context.print(summary.backupName);
    if (!options.boolean('allow-damaged-pages')) assertPagesAreSound(summary);
  },
};

const assertPagesAreSound = ({ backupName, damagedPages = 0 }: BackupSummary): void => {
  if (damagedPages === 0) return;
  throw new PipelineError('page-corrupt', {
    message: `${backupName} was taken, but ${damagedPages} of its data pages have wrong checksums`,
    hint:
      'The cluster itself is damaged at the places named above. Keep the older backups, look at the disk and at ' +
      'pg_amcheck, and restore to a new place to see what can be saved.',
  });
};
