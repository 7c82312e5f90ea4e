import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, stagedRoot } from './staging.ts';

export const supportedMajors = [14, 15, 16, 17, 18] as const;

/** A major version of PostgreSQL that Walwarden supports. */
export type Major = (typeof supportedMajors)[number];

const platform = `${process.platform}-${process.arch}`;
const packageName = (major: Major): string => `pg${major}-${platform}`;
const binaryPath = (root: string, major: Major, program: string): string =>
  join(root, 'node_modules', packageName(major), 'native', 'bin', program);

/** The majors whose package is installed, oldest first. */
export const availableMajors: readonly Major[] = supportedMajors.filter((major) =>
  existsSync(binaryPath(projectRoot, major, 'postgres')),
);

/** The newest installed major, for tests that need one PostgreSQL and not a certain one; 18 where there is none. */
export const newestMajor: Major = availableMajors.at(-1) ?? 18;

/** The path of one of the server's programs (postgres, initdb, pg_ctl) where the cluster's user can run it. */
export const postgresBinary = (major: Major, program: 'postgres' | 'initdb' | 'pg_ctl'): string =>
  binaryPath(stagedRoot(), major, program);

const hasPackage = (major: Major): boolean => {
  const manifest: { optionalDependencies: Readonly<Record<string, string>> } = JSON.parse(
    readFileSync(join(projectRoot, 'test', 'parts', 'package.json'), 'utf8'),
  );
  return packageName(major) in manifest.optionalDependencies;
};

/** What `demandMajor` needs of a test's context. */
export type Skippable = { skip(message?: string): void };

/**
 * True when the major can be run. Otherwise the test is skipped with what to install, or fails when
 * WALWARDEN_DEMAND_PARTS=1 says that everything has to be there. What no package exists for is skipped in any case.
 *
 *     if (!demandMajor(t, 17)) return;
 */
export const demandMajor = (t: Skippable, major: Major): boolean => {
  if (availableMajors.includes(major)) return true;
  if (!hasPackage(major)) {
    t.skip(`no package for this platform: PostgreSQL ${major} on ${platform}`);
    return false;
  }
  const message = `PostgreSQL ${major} is missing: run \`npm run parts\`, which installs ${packageName(major)}`;
  if (process.env.WALWARDEN_DEMAND_PARTS === '1') throw new Error(message);
  t.skip(message);
  return false;
};
