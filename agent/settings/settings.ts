import { PipelineError } from '../../lib/core/errors.ts';
import { nearest } from '../host/spelling.ts';
import { archiveTable, backupTable, compressionLevels, readArchiveSettings, walTable } from './archive.ts';
import { type AwsSettings, awsTable, readAwsSettings } from './aws.ts';
import {
  type EncryptionSettings,
  encryptionProblems,
  encryptionTable,
  readEncryptionSettings,
} from './encryption.ts';
import type { ArchiveLocation } from './kinds.ts';
import { limitTable, readLimitSettings } from './limits.ts';
import { launcherTable, logTable, readLogSettings } from './logging.ts';
import { type PostgresSettings, postgresTable, readPostgresSettings } from './postgres.ts';
import { readS3Settings, type S3Settings, s3Problems, s3Table } from './s3.ts';
import type { Environment, Setting, Take } from './setting.ts';

/** Every setting there is, in the order of the documentation. A new group goes here and into `readAll`. */
export const settingTable: readonly Setting<unknown>[] = [
  archiveTable,
  s3Table,
  awsTable,
  encryptionTable,
  walTable,
  backupTable,
  limitTable,
  postgresTable,
  logTable,
  launcherTable,
].flatMap((table): Setting<unknown>[] => Object.values(table));

const readAll = (take: Take) => ({
  ...readArchiveSettings(take),
  ...readLimitSettings(take),
  ...readLogSettings(take),
  s3: readS3Settings(take),
  aws: readAwsSettings(take),
  encryption: readEncryptionSettings(take),
  postgres: readPostgresSettings(take),
});

type Groups = {
  readonly s3: S3Settings;
  readonly aws: AwsSettings;
  readonly encryption: EncryptionSettings;
  readonly postgres: PostgresSettings;
};

export type Settings = Readonly<Omit<ReturnType<typeof readAll>, keyof Groups> & Groups>;

/** Names that begin like ours are ours, so one that nobody knows is a mistake and not somebody else's. */
const ownNames = /^WALWARDEN_/;

/**
 * Reads every setting. A variable that is set to nothing counts as not set, as unit files and container definitions
 * often leave them.
 *
 * @param problemsBefore what was wrong with the places that the environment was read from
 * @throws 'settings-invalid' that names every problem there is
 */
export const readSettings = (environment: Environment, problemsBefore: readonly string[] = []): Settings => {
  const problems = [...problemsBefore];
  const settings = readAll((setting) => {
    const entry = environment.get(setting.variable);
    if (entry === undefined || entry.value === '') return setting.preset.value();
    const parsed = setting.kind.parse(entry.value);
    if ('value' in parsed) return parsed.value;
    const shown = setting.secret ? '' : `, not ${JSON.stringify(shorten(entry.value))}`;
    problems.push(`${setting.variable} ${parsed.problem}${shown} (from ${entry.origin})`);
    return setting.preset.value();
  });
  problems.push(
    ...levelProblems(settings),
    ...s3Problems(settings.s3),
    ...encryptionProblems(settings.encryption),
    ...unknownNames(environment),
  );
  if (problems.length > 0) throw invalid(problems);
  return Object.freeze(settings);
};

const shorten = (value: string): string => (value.length > 200 ? `${value.slice(0, 200)}...` : value);

const levelProblems = ({ compression, compressionLevel: level }: Settings): readonly string[] => {
  if (level === undefined) return [];
  const levels = compressionLevels[compression];
  if (levels === undefined) return [`WALWARDEN_COMPRESSION_LEVEL means nothing for ${compression}`];
  const [least, most] = levels;
  return level < least || level > most
    ? [`WALWARDEN_COMPRESSION_LEVEL must be from ${least} to ${most} for ${compression}, not ${level}`]
    : [];
};

const unknownNames = (environment: Environment): readonly string[] => {
  const known = settingTable.map(({ variable }) => variable);
  return [...environment]
    .filter(([name]) => ownNames.test(name) && !known.includes(name))
    .map(([name, { origin }]) => {
      const meant = nearest(name, known);
      return `${name} is no setting (from ${origin})${meant === undefined ? '' : `, did you mean ${meant}?`}`;
    });
};

const invalid = (problems: readonly string[]): PipelineError =>
  new PipelineError('settings-invalid', {
    message: problems.length === 1 ? `${problems[0]}` : `${problems.length} problems: ${problems.join('; ')}`,
    hint:
      'Settings come from the environment and, over it, from the directory named with --env-dir; ' +
      '"walwarden help settings" lists them all.',
  });

/** The archive's location, for a command that cannot do without it. @throws 'settings-invalid' */
export const requirePrefix = ({ prefix }: Settings): ArchiveLocation => {
  if (prefix !== undefined) return prefix;
  throw new PipelineError('settings-invalid', {
    message: 'WALWARDEN_PREFIX is not set',
    hint:
      'Set it to where the archive of this cluster lies, such as file:///var/backups/main or s3://bucket/main, in ' +
      'the environment or in the directory named with --env-dir.',
  });
};

/** The texts of all secrets, even of unusable ones, for the log to hide wherever they turn up. */
export const secretTexts = (environment: Environment): readonly string[] =>
  settingTable.flatMap(({ secret, variable }) => {
    const text = secret ? environment.get(variable)?.value : undefined;
    return text === undefined || text === '' ? [] : [text];
  });
