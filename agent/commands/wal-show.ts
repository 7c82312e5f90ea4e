import type { Command } from '../command-line.ts';

export const command: Command = {
  name: 'wal-show',
  group: 'operator',
  summary: 'show the WAL in the archive, by timeline',
  usage: '[--json] [--detailed-json]',
  description:
    'Shows for every timeline which segments are there, how many are missing between them, where the timeline left its ' +
    'parent, and its base backups.',
  options: {
    json: { type: 'boolean', doc: 'Print JSON instead of a table.' },
    'detailed-json': { type: 'boolean', doc: "WAL-G's name for --json." },
  },
  arguments: [],
  run: async (context) => {
    const [{ withArchive }, { inspectArchive }, { walFacts, walTable }, { formatJson }] = await Promise.all([
      import('../archive/open-store.ts'),
      import('../inspect/inspection.ts'),
      import('../inspect/wal-show.ts'),
      import('../../lib/core/json.ts'),
    ]);
    const inspection = await withArchive(context, inspectArchive);
    const isJson = context.options.boolean('json') || context.options.boolean('detailed-json');
    context.print(isJson ? formatJson(walFacts(inspection), 2) : walTable(inspection));
    for (const problem of inspection.problems) context.log.warn('wal-show', { state: 'unclear' }, problem);
  },
};
