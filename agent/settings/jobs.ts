import { PipelineError } from '../../lib/core/errors.ts';
import { backupTable } from './archive.ts';
import type { Settings } from './settings.ts';

/** `--jobs N` where it is given, or the setting. @throws 'usage-wrong' */
export const jobsFrom = (option: string | undefined, settings: Settings): number => {
  if (option === undefined) return settings.jobs;
  const parsed = backupTable.jobs.kind.parse(option);
  if ('value' in parsed) return parsed.value;
  throw new PipelineError('usage-wrong', {
    message: `--jobs ${parsed.problem}, not ${JSON.stringify(option)}`,
    hint: 'Say how many parts to work on at once, such as --jobs 4.',
  });
};
