import { PipelineError } from '../../lib/core/errors.ts';
import type { Command } from '../command-line.ts';

export const command: Command = {
  name: 'delete',
  group: 'operator',
  summary: 'delete old base backups and WAL that nothing needs',
  usage: '[--confirm] [--after NAME|TIME] [--json] WHAT [HOW] [WHICH]',
  description:
    'Shows what would be kept and what deleted, and why; with --confirm, deletes that. "retain N" keeps the N newest ' +
    'backups that can be restored, "retain FULL N" the N newest full ones with all that came after; "before NAME" or ' +
    '"before TIME" keeps that backup, or the first from that time on, and all after it; "target NAME" deletes one backup ' +
    'with the deltas on it, and no WAL; "everything" deletes the whole archive but for objects that are not of it. ' +
    'Backups are in the order of time, not of names. What a kept backup stands on is always kept, so FIND_FULL, ' +
    'which WAL-G may ask for, changes only "target": there it means the whole chain. The last backup that can be restored, ' +
    'permanent backups, running ones and timeline history files are never deleted; "everything FORCE" alone knows no such ' +
    'mercy. Nothing is deleted while the archive cannot be judged. Interrupted, it is repeated.',
  options: {
    confirm: { type: 'boolean', doc: 'Really delete.' },
    'dry-run': { type: 'boolean', short: 'n', doc: 'Only show the plan, which is the default.' },
    after: {
      type: 'string',
      value: 'NAME|TIME',
      doc: 'With "retain": keep everything from there on as well.',
    },
    json: { type: 'boolean', doc: 'Print JSON instead of tables.' },
  },
  arguments: [
    { name: 'WHAT', doc: 'retain, before, target or everything.' },
    { name: 'HOW', doc: 'FULL, FIND_FULL or FORCE; or the number, backup or time at once.', optional: true },
    { name: 'WHICH', doc: 'The number, backup or time.', optional: true },
  ],
  run: async (context) => {
    const { options } = context;
    const isConfirmed = options.boolean('confirm');
    if (isConfirmed && options.boolean('dry-run')) {
      throw new PipelineError('usage-wrong', {
        message: 'delete: --confirm and --dry-run contradict each other',
        hint: 'Say which of the two is meant.',
      });
    }
    const [{ withArchive }, { retain }, { planFacts, planText }, { formatJson }] = await Promise.all([
      import('../archive/open-store.ts'),
      import('../retention/retention.ts'),
      import('../retention/report.ts'),
      import('../../lib/core/json.ts'),
    ]);
    const words = { words: context.arguments, after: options.string('after') };
    const { plan, inspection, deleted } = await withArchive(context, (archive) =>
      retain(archive, words, isConfirmed),
    );
    context.print(
      options.boolean('json')
        ? formatJson(planFacts(plan, inspection, deleted), 2)
        : planText(plan, inspection, deleted),
    );
  },
};
