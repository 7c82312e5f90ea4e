import type { Command } from '../command-line.ts';

export const command: Command = {
  name: 'adopt',
  group: 'operator',
  summary: 'describe an archive that is already there',
  usage: '[--json]',
  description:
    'Reads an archive of WAL-G, WAL-E or our own and tells what is in it, whose it is, from when to when it can be ' +
    'recovered, and what is wrong with it. Writes nothing: the first wal-push claims the archive for its cluster.',
  options: { json: { type: 'boolean', doc: 'Print JSON instead of text.' } },
  arguments: [],
  run: async (context) => {
    const [{ withArchive }, { inspectArchive }, { adoptionFacts, adoptionText }, { formatJson }] =
      await Promise.all([
        import('../archive/open-store.ts'),
        import('../inspect/inspection.ts'),
        import('../inspect/adopt.ts'),
        import('../../lib/core/json.ts'),
      ]);
    const inspection = await withArchive(context, inspectArchive);
    context.print(
      context.options.boolean('json') ? formatJson(adoptionFacts(inspection), 2) : adoptionText(inspection),
    );
  },
};
