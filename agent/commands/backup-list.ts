import type { Command } from '../command-line.ts';

export const command: Command = {
  name: 'backup-list',
  group: 'operator',
  summary: 'list the base backups',
  usage: '[--json]',
  description: 'Lists every complete base backup in the archive, the oldest first, whoever took it.',
  options: { json: { type: 'boolean', doc: 'Print JSON instead of a table.' } },
  foreignOptions: {
    pretty: { type: 'boolean', doc: 'the table is always pretty' },
    detail: { type: 'boolean', doc: 'the table always has the details' },
    'target-storage': { type: 'string', doc: 'there is one archive' },
  },
  arguments: [],
  run: async (context) => {
    const [{ withArchive }, { listBackups }, { backupFacts, backupTable }, { formatJson }] =
      await Promise.all([
        import('../archive/open-store.ts'),
        import('../backup/backups.ts'),
        import('../backup/backup-report.ts'),
        import('../../lib/core/json.ts'),
      ]);
    const backups = await withArchive(context, listBackups);
    context.print(
      context.options.boolean('json') ? formatJson(backups.map(backupFacts), 2) : backupTable(backups),
    );
  },
};
