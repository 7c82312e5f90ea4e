import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PipelineError } from '../../lib/core/errors.ts';
import {
  parseTransactionId,
  type RecoveryOptions,
  type RecoveryTarget,
} from '../../lib/core/recovery/recovery-settings.ts';
import { parseLsn } from '../../lib/core/wal/lsn.ts';
import { parseTimelineId } from '../../lib/core/wal/segment.ts';
import { type ParsedOptions, readGlobalOptions } from '../command-line.ts';
import { formatArchiveLocation } from '../settings/kinds.ts';
import type { SettingGroup } from '../settings/setting.ts';
import { requirePrefix, type Settings, settingTable } from '../settings/settings.ts';

const wrong = (message: string, hint: string): PipelineError =>
  new PipelineError('usage-wrong', { message, hint });

/** backup-fetch's options about recovery as one value. @throws 'usage-wrong', 'value-invalid' */
export const recoveryFrom = (options: ParsedOptions, settings: Settings): RecoveryOptions => ({
  restoreCommand: options.string('restore-command') ?? ownRestoreCommand(settings),
  target: targetFrom(options),
  timeline: timelineFrom(options.string('target-timeline')),
  action: actionFrom(options.string('target-action')),
  isInclusive: options.boolean('target-exclusive') ? false : undefined,
  isStandby: options.boolean('standby'),
});

const targetFrom = (options: ParsedOptions): RecoveryTarget | undefined => {
  const time = options.string('target-time');
  const lsn = options.string('target-lsn');
  const xid = options.string('target-xid');
  const name = options.string('target-name');
  const targets: readonly RecoveryTarget[] = [
    ...(time === undefined ? [] : [{ kind: 'time', text: time } as const]),
    ...(lsn === undefined ? [] : [{ kind: 'lsn', lsn: parseLsn(lsn) } as const]),
    ...(xid === undefined ? [] : [{ kind: 'xid', xid: parseTransactionId(xid) } as const]),
    ...(name === undefined ? [] : [{ kind: 'name', name } as const]),
    ...(options.boolean('target-immediate') ? [{ kind: 'immediate' } as const] : []),
  ];
  if (targets.length > 1) {
    throw wrong(
      `${targets.length} recovery targets are given: ${targets.map(({ kind }) => kind).join(', ')}`,
      'PostgreSQL recovers to one target.',
    );
  }
  return targets[0];
};

const timelineFrom = (text: string | undefined): RecoveryOptions['timeline'] => {
  if (text === undefined || text === 'latest' || text === 'current') return text;
  if (/^\d{1,10}$/.test(text)) return parseTimelineId(Number(text));
  throw wrong(
    `--target-timeline is ${JSON.stringify(text)}`,
    'Say latest, current or the number of a timeline.',
  );
};

const actionFrom = (text: string | undefined): RecoveryOptions['action'] => {
  if (text === undefined || text === 'pause' || text === 'promote' || text === 'shutdown') return text;
  throw wrong(`--target-action is ${JSON.stringify(text)}`, 'Say pause, promote or shutdown.');
};

/**
 * `OLD=NEW` as pg_basebackup reads it (tablespace_list_append in src/bin/pg_basebackup/pg_basebackup.c): an equals sign
 * that belongs to a directory is written with a backslash before it.
 *
 * @throws 'usage-wrong'
 */
export const tablespaceMappingFrom = (texts: readonly string[]): ReadonlyMap<string, string> => {
  const mapping = new Map<string, string>();
  for (const text of texts) {
    const [from = '', to = '', ...more] = text
      .split(/(?<!\\)=/)
      .map((directory) => directory.replaceAll('\\=', '='));
    if (from === '' || to === '' || more.length > 0) {
      throw wrong(
        `--tablespace-mapping is ${JSON.stringify(text)}`,
        'Say OLD=NEW, two absolute directories; an equals sign in one of them is written with a backslash before it.',
      );
    }
    if (mapping.has(from)) {
      throw wrong(`--tablespace-mapping names ${from} twice`, 'A tablespace is restored to one place.');
    }
    mapping.set(from, to);
  }
  return mapping;
};

/**
 * This very agent as restore_command. Settings come from the same directory and file as now; without a directory those
 * that say where the archive is and how it is reached are spelt out. Secrets are not, because they do not belong into
 * postgresql.auto.conf: PostgreSQL has to find them in its own environment.
 */
const ownRestoreCommand = (settings: Settings): string => {
  const launcher = fileURLToPath(new URL('../walwarden', import.meta.url));
  const { envDirectory, configFile } = readGlobalOptions(process.argv.slice(2));
  const words = [
    ...(envDirectory === undefined ? ['env', ...settingsToSpell(settings)] : []),
    launcher,
    ...(envDirectory === undefined ? [] : ['--env-dir', resolve(envDirectory)]),
    ...(configFile === undefined ? [] : ['--config', resolve(configFile)]),
  ];
  // PostgreSQL replaces %f and %p, and takes %% for a percent sign.
  return `${words.map(shellQuote).join(' ').replaceAll('%', '%%')} wal-fetch "%f" "%p"`;
};

const spelt: readonly SettingGroup[] = ['archive', 's3', 'encryption'];

/** The environment of this process holds what every layer of settings said. */
const settingsToSpell = (settings: Settings): readonly string[] => {
  const prefix = `WALWARDEN_PREFIX=${formatArchiveLocation(requirePrefix(settings))}`;
  const others = settingTable
    .filter(
      ({ group, secret, variable }) => spelt.includes(group) && !secret && variable !== 'WALWARDEN_PREFIX',
    )
    .flatMap(({ variable }) => {
      const text = process.env[variable] ?? '';
      return text === '' || /\p{Cc}/u.test(text) ? [] : [`${variable}=${text}`];
    });
  return [prefix, ...others];
};

const shellQuote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
