import { PipelineError } from '../../lib/core/errors.ts';
import type { Command } from '../command-line.ts';

export const command: Command = {
  name: 'claim',
  group: 'operator',
  summary: 'say whose archive this is, after pg_upgrade',
  usage: '--after-upgrade [PGDATA]',
  description:
    'An archive belongs to the cluster that pushed to it first, and every other cluster is refused. pg_upgrade gives a ' +
    'cluster a new identity; this command lets the upgraded one go on with its archive. What the old one archived stays ' +
    'and can still be restored.',
  options: { 'after-upgrade': { type: 'boolean', doc: 'Yes, this cluster continues the archive.' } },
  arguments: [
    { name: 'PGDATA', doc: 'The data directory of the upgraded cluster; left out, PGDATA.', optional: true },
  ],
  run: async (context) => {
    const dataDirectory = context.arguments[0] ?? context.settings.postgres.PGDATA;
    if (!context.options.boolean('after-upgrade') || dataDirectory === undefined) {
      throw new PipelineError('usage-wrong', {
        message: 'claim needs --after-upgrade and a data directory',
        hint: 'Usage: walwarden claim --after-upgrade PGDATA. The very first claim needs no command: wal-push makes it.',
      });
    }
    const [{ withArchive }, { claimNextIncarnation }, { readControlFile }, { formatSystemIdentifier }] =
      await Promise.all([
        import('../archive/open-store.ts'),
        import('../archive/claim.ts'),
        import('../host/control-file.ts'),
        import('../../lib/core/wal/system-identifier.ts'),
      ]);
    const { systemIdentifier } = await readControlFile(dataDirectory);
    const claimant = { systemIdentifier, segmentBytes: undefined };
    const incarnation = await withArchive(context, (archive) => claimNextIncarnation(archive, claimant));
    context.print(
      `incarnation ${incarnation.number} of the archive belongs to ${formatSystemIdentifier(systemIdentifier)}`,
    );
  },
};
