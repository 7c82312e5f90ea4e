import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type RecoveryOptions,
  recoverySettings,
  recoverySettingsIn,
  withRecoverySettings,
} from '../../lib/core/recovery/recovery-settings.ts';
import { isSystemError, writeText } from '../host/files.ts';
import type { Log } from '../host/log.ts';
import { removeSignals } from './restore-target.ts';

/**
 * Makes "start PostgreSQL" the next step: restore_command and the recovery target in postgresql.auto.conf, in place of
 * those that the backup brought along, and the one signal file that is wanted.
 */
export const writeRecoverySettings = async (
  directory: string,
  options: RecoveryOptions,
  log: Log,
): Promise<void> => {
  const settings = recoverySettings(options);
  const autoConf = join(directory, 'postgresql.auto.conf');
  await writeText(autoConf, withRecoverySettings(await textOf(autoConf), settings));
  await removeSignals(directory);
  await writeText(join(directory, settings.signalFile), '');
  const main = await readFile(join(directory, 'postgresql.conf'), 'utf8').catch(() => undefined);
  if (main === undefined) {
    log.warn(
      'backup-fetch',
      { state: 'note', path: directory },
      'the backup holds no postgresql.conf (Debian keeps it under /etc); give PostgreSQL one before you start it',
    );
  }
  const others = recoverySettingsIn(main ?? '');
  if (others.length > 0) {
    log.warn(
      'backup-fetch',
      { state: 'note', path: join(directory, 'postgresql.conf'), settings: others.join(',') },
      'postgresql.conf sets these too, and PostgreSQL refuses to start with two recovery targets',
    );
  }
};

const textOf = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return '';
    throw error;
  }
};
