import type { Command } from '../command-line.ts';

export const command: Command = {
  name: 'settings',
  // Not an operator's command to the program, because it has to work with settings that are wrong.
  group: 'general',
  summary: 'show the settings in force, and where each comes from',
  usage: '[--json]',
  description:
    'Shows every setting in force and where it comes from: the environment, a file of --env-dir, a configuration file, or ' +
    'a setting of WAL-G or WAL-E. Then what was taken from WAL-G and WAL-E and what was ignored, and why. Secrets are ' +
    'shown as ***. Ends with 3 when something is wrong with them.',
  options: { json: { type: 'boolean', doc: 'Print JSON instead of tables.' } },
  arguments: [],
  run: async (context) => {
    const { formatReport, reportSettings } = await import('../settings/report.ts');
    const report = reportSettings(context.sources.environment, context.sources.inheritance);
    context.print(
      context.options.boolean('json') ? JSON.stringify(report, undefined, 2) : formatReport(report),
    );
    // Read for its complaints, which come behind the report.
    void context.settings;
  },
};
