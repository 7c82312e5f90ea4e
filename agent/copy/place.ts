import { PipelineError } from '../../lib/core/errors.ts';
import type { CommandContext } from '../command-line.ts';
import { readEnvDirectory } from '../settings/env-directory.ts';
import { readSettings, type Settings } from '../settings/settings.ts';
import { environmentOf } from '../settings/sources.ts';

const isLocation = (text: string): boolean => /^(?:file|s3):\/\//.test(text);

/** AWS's own chain of credentials is the process's, so that two places cannot have one each. */
const assertNoCredentials = (directory: string, base: Readonly<Record<string, string>>): void => {
  const own = [...readEnvDirectory(directory).variables].filter(
    ([name, value]) => name.startsWith('AWS_') && name !== 'AWS_REGION' && value !== base[name],
  );
  if (own.length === 0) return;
  throw new PipelineError('settings-invalid', {
    message: `${directory} sets ${own.map(([name]) => name).join(', ')}, which copy cannot use for one side alone`,
    hint: 'Run copy with credentials that may read the one place and write the other, or copy by way of a directory.',
  });
};

/**
 * The settings of one side of a copy: the ones in force, with another archive (a location), or with a settings directory
 * laid over them.
 *
 * @throws 'settings-invalid'
 */
export const settingsOfPlace = (
  { sources }: Pick<CommandContext, 'sources'>,
  place: string,
  option: string,
): Settings => {
  const processEnvironment = Object.fromEntries(
    [...sources.environment].map(([name, { value }]) => [name, value]),
  );
  if (!isLocation(place)) assertNoCredentials(place, processEnvironment);
  const { environment, problems } = environmentOf(
    isLocation(place)
      ? {
          processEnvironment,
          overrides: new Map([['WALWARDEN_PREFIX', { value: place, origin: option }]]),
        }
      : { processEnvironment: { ...processEnvironment, WALWARDEN_PREFIX: undefined }, envDirectory: place },
  );
  return readSettings(environment, problems);
};
