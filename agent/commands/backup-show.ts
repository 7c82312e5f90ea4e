import type { Command } from '../command-line.ts';

export const command: Command = {
  name: 'backup-show',
  group: 'operator',
  summary: 'show one base backup',
  usage: '[--json] NAME|LATEST',
  description:
    'Shows what is known of one base backup: where it begins and ends in the WAL, its size and its marks.',
  options: { json: { type: 'boolean', doc: 'Print JSON instead of text.' } },
  arguments: [{ name: 'NAME', doc: 'The backup: its name, the begin of it, or LATEST.' }],
  run: async (context) => {
    const [{ withArchive }, { listBackups }, { findBackup }, { backupFacts, backupText }, { formatJson }] =
      await Promise.all([
        import('../archive/open-store.ts'),
        import('../backup/backups.ts'),
        import('../../lib/core/backup/backup-selection.ts'),
        import('../backup/backup-report.ts'),
        import('../../lib/core/json.ts'),
      ]);
    const [name = ''] = context.arguments;
    const backup = findBackup(await withArchive(context, listBackups), name);
    context.print(context.options.boolean('json') ? formatJson(backupFacts(backup), 2) : backupText(backup));
  },
};
