import { PipelineError } from '../../lib/core/errors.ts';
import type { Command } from '../command-line.ts';

export const command: Command = {
  name: 'copy',
  group: 'operator',
  summary: 'copy base backups and their WAL to another archive',
  usage: '--from PREFIX|ENV-DIR --to PREFIX|ENV-DIR [--backup NAME] [--with-history] [--jobs N]',
  description:
    'Copies base backups, what they stand on and the WAL that they need from one archive to another, byte for byte, so ' +
    'that compression and encryption stay as they are. Refuses a backup whose WAL is not all there, and a place that ' +
    'belongs to another cluster or holds something else; what is there already is passed over, so that a copy that was ' +
    'interrupted is repeated.',
  options: {
    from: {
      type: 'string',
      value: 'PREFIX|ENV-DIR',
      doc: 'A location, or a settings directory that names one.',
    },
    to: { type: 'string', value: 'PREFIX|ENV-DIR', doc: 'The same for where to.' },
    backup: {
      type: 'string',
      value: 'NAME',
      doc: 'Only this one, or LATEST; left out, all that are complete.',
    },
    'with-history': { type: 'boolean', short: 'w', doc: 'All WAL that follows without a hole too.' },
    jobs: { type: 'string', value: 'N', doc: 'Copy N objects at once (WALWARDEN_JOBS).' },
  },
  arguments: [],
  run: async (context) => {
    const { options } = context;
    const [from, to] = [options.string('from'), options.string('to')];
    if (from === undefined || to === undefined) {
      throw new PipelineError('usage-wrong', {
        message: 'copy needs --from and --to',
        hint: 'Each is a location such as s3://bucket/main, or a settings directory that names one.',
      });
    }
    const [{ withArchive }, { settingsOfPlace }, { copyArchive }, { jobsFrom }, { formatBytes }] =
      await Promise.all([
        import('../archive/open-store.ts'),
        import('../copy/place.ts'),
        import('../copy/copy.ts'),
        import('../settings/jobs.ts'),
        import('../host/output.ts'),
      ]);
    const request = {
      backup: options.string('backup'),
      withHistory: options.boolean('with-history'),
      jobs: jobsFrom(options.string('jobs'), context.settings),
    };
    const [source, target] = [
      { ...context, settings: settingsOfPlace(context, from, '--from') },
      { ...context, settings: settingsOfPlace(context, to, '--to') },
    ];
    const copied = await withArchive(source, (fromArchive) =>
      withArchive(target, (toArchive) => copyArchive(fromArchive, toArchive, request)),
    );
    context.print(
      `Copied ${copied.backups.length} backups: ${copied.objects} objects of ${formatBytes(copied.objectBytes)}; ` +
        `${copied.present} were there already.`,
    );
  },
};
