import { PipelineError } from '../../lib/core/errors.ts';
import type { Command } from '../command-line.ts';

export const command: Command = {
  name: 'backup-mark',
  group: 'operator',
  summary: 'keep a base backup for ever, or no longer',
  usage: '[--permanent|--impermanent] NAME|LATEST',
  description:
    'Marks a base backup as permanent, so that retention never expires it, or takes the mark away. Whoever runs it needs ' +
    'the right to replace metadata.json in the archive; the host that pushes does not.',
  options: {
    permanent: { type: 'boolean', short: 'p', doc: 'Keep it for ever; so does no option at all.' },
    impermanent: { type: 'boolean', short: 'i', doc: 'Let retention decide again.' },
  },
  arguments: [{ name: 'NAME', doc: 'The backup: its name, the begin of it, or LATEST.' }],
  run: async (context) => {
    // Without an option it is WAL-G's "backup-mark NAME".
    const isPermanent = !context.options.boolean('impermanent');
    if (!isPermanent && context.options.boolean('permanent')) {
      throw new PipelineError('usage-wrong', {
        message: 'backup-mark takes one of --permanent and --impermanent',
        hint: 'Say which of the two is meant.',
      });
    }
    const [{ withArchive }, { markBackup }] = await Promise.all([
      import('../archive/open-store.ts'),
      import('../backup/mark.ts'),
    ]);
    const [name = ''] = context.arguments;
    const marked = await withArchive(context, (archive) => markBackup(archive, name, isPermanent));
    for (const backup of marked) context.print(`${backup.name} is ${isPermanent ? '' : 'not '}permanent`);
  },
};
