import { PipelineError } from '../../lib/core/errors.ts';
import type { Command } from '../command-line.ts';

const checks = ['integrity', 'timeline'] as const;

const checksIn = (words: readonly string[]): readonly (typeof checks)[number][] => {
  const unknown = words.find((word) => !checks.some((check) => check === word));
  if (unknown !== undefined) {
    throw new PipelineError('usage-wrong', {
      message: `wal-verify: there is no check ${JSON.stringify(unknown)}`,
      hint: 'The checks are integrity and timeline.',
    });
  }
  return words.length === 0 ? checks : checks.filter((check) => words.includes(check));
};

export const command: Command = {
  name: 'wal-verify',
  group: 'operator',
  summary: 'check that no WAL is missing',
  usage: '[--json] [--lsn LSN] [--timeline ID] [CHECK]...',
  description:
    'Checks that all WAL from the first base backup on is in the archive, along the timelines, and that recovery finds its ' +
    'way to the newest one. OK; WARNING where the loss is bridged by a newer backup, or WAL may still come; FAILURE where ' +
    'recovery would end early. On FAILURE it ends with status 42 (WAL-G ends with 0). It asks no server: --lsn and ' +
    '--timeline say where the cluster is, if WAL up to there is to be expected.',
  options: {
    json: { type: 'boolean', doc: "Print JSON in the form of WAL-G's." },
    lsn: { type: 'string', value: 'LSN', doc: 'Where the cluster is now.' },
    timeline: { type: 'string', value: 'ID', doc: 'The timeline that it is on.' },
  },
  arguments: [
    { name: 'CHECK', doc: 'integrity or timeline; left out, both.', optional: true },
    { name: 'CHECK', doc: 'The other one.', optional: true },
  ],
  run: async (context) => {
    const { options } = context;
    const asked = checksIn(context.arguments);
    const [
      { withArchive },
      { inspectArchive },
      { checkIntegrity, checkTimelines },
      { formatJson },
      { parseLsn },
      { parseTimelineId },
    ] = await Promise.all([
      import('../archive/open-store.ts'),
      import('../inspect/inspection.ts'),
      import('../inspect/wal-verify.ts'),
      import('../../lib/core/json.ts'),
      import('../../lib/core/wal/lsn.ts'),
      import('../../lib/core/wal/segment.ts'),
    ]);
    const [lsn, timeline] = [options.string('lsn'), options.string('timeline')];
    const expected = {
      lsn: lsn === undefined ? undefined : parseLsn(lsn),
      timelineId: timeline === undefined ? undefined : parseTimelineId(Number(timeline)),
    };
    const inspection = await withArchive(context, inspectArchive);
    const results = asked.map((check) => ({
      check,
      ...(check === 'integrity'
        ? checkIntegrity(inspection, expected)
        : checkTimelines(inspection, expected)),
    }));
    context.print(
      options.boolean('json')
        ? formatJson(
            Object.fromEntries(results.map(({ check, status, details }) => [check, { status, details }])),
            2,
          )
        : results
            .map(({ check, status, findings, table }) =>
              [
                `${check}: ${status}`,
                ...findings.map((finding) => `- ${finding}`),
                ...(table ?? '').split('\n'),
              ]
                .join('\n')
                .trimEnd(),
            )
            .join('\n\n'),
    );
    const failed = results.filter(({ status }) => status === 'FAILURE');
    if (failed.length === 0) return;
    throw new PipelineError('backup-wal-missing', {
      message: failed.flatMap(({ findings }) => findings).join('; '),
      hint: 'Look for the missing files in pg_wal of the primary and its standbys, and take a base backup soon: it bridges the gap.',
    });
  },
};
