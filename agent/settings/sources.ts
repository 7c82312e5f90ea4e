import { existsSync } from 'node:fs';
import { readConfigFile } from './config-file.ts';
import { readEnvDirectory } from './env-directory.ts';
import { type Inheritance, inherit, inheritanceProblems, inheritedSecretTexts } from './inherit.ts';
import type { Entry, Environment } from './setting.ts';

/** Where the settings of one call come from, put together. */
export type Sources = {
  readonly environment: Environment;
  /** What was wrong with the places themselves. */
  readonly problems: readonly string[];
  /** What became of the settings of WAL-G and WAL-E. */
  readonly inheritance: readonly Inheritance[];
  /** The texts of their secrets. */
  readonly inheritedSecrets: readonly string[];
};

/**
 * Layers, the later ones over the earlier: a configuration file of WAL-G (to which, as for WAL-G itself, the environment
 * is stronger), the process's environment, a settings directory, the command line. Then what is WAL-G's or WAL-E's in
 * them is read as ours, where ours is not set.
 *
 * @param layers.defaultConfigFile read when it is there, no other is named, and no layer says where the archive is
 */
export const environmentOf = (layers: {
  readonly processEnvironment: Readonly<Record<string, string | undefined>>;
  readonly configFile?: string | undefined;
  readonly defaultConfigFile?: string | undefined;
  readonly envDirectory?: string | undefined;
  readonly overrides?: Environment | undefined;
}): Sources => {
  const upper = new Map<string, Entry | undefined>();
  for (const [name, value] of Object.entries(layers.processEnvironment)) {
    if (value !== undefined) upper.set(name, { value, origin: 'the environment' });
  }
  const directory = layers.envDirectory === undefined ? undefined : readEnvDirectory(layers.envDirectory);
  for (const [name, value] of directory?.variables ?? []) {
    upper.set(name, value === undefined ? undefined : { value, origin: `${layers.envDirectory}/${name}` });
  }
  for (const [name, entry] of layers.overrides ?? []) upper.set(name, entry);

  const configFile = layers.configFile ?? impliedConfigFile(layers.defaultConfigFile, upper);
  const file = configFile === undefined ? undefined : readConfigFile(configFile);
  const environment = new Map<string, Entry>();
  for (const [name, value] of file?.variables ?? [])
    environment.set(name, { value, origin: `${file?.path}` });
  for (const [name, entry] of upper) {
    if (entry === undefined) environment.delete(name);
    else environment.set(name, entry);
  }
  const inherited = inherit(environment);
  return {
    ...inherited,
    problems: [
      ...(directory?.problems ?? []),
      ...(file?.problems ?? []),
      ...inheritanceProblems(inherited.inheritance),
    ],
    inheritedSecrets: inheritedSecretTexts(environment),
  };
};

/** Whoever says in our words where the archive is does not mean what WAL-G was once told. */
const impliedConfigFile = (
  path: string | undefined,
  upper: ReadonlyMap<string, Entry | undefined>,
): string | undefined =>
  path !== undefined && (upper.get('WALWARDEN_PREFIX')?.value ?? '') === '' && existsSync(path)
    ? path
    : undefined;
