import { execFile } from 'node:child_process';
import { accessSync, constants, globSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Skippable } from './postgres-parts.ts';

const run = promisify(execFile);

export type Verification = { readonly isAccepted: boolean; readonly output: string };

/** PostgreSQL's own judge of base backups, with its arguments. */
export type PgVerifyBackup = {
  readonly major: number;
  verify(args: readonly string[]): Promise<Verification>;
};

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** On PATH, or where Debian keeps one for each major, the newest first. */
const candidates = (): readonly string[] => {
  const directories = [
    ...(process.env.PATH ?? '').split(':').filter((directory) => directory !== ''),
    ...globSync('/usr/lib/postgresql/*/bin').sort().reverse(),
  ];
  return directories.map((directory) => join(directory, 'pg_verifybackup')).filter(isExecutable);
};

/**
 * pg_verifybackup of a major that reads manifests of version 1, which PostgreSQL 14 to 16 share. None of the npm
 * packages carries it, so where the machine has none the test is skipped with what to install, or fails when
 * WALWARDEN_DEMAND_PARTS=1 says that everything has to be there.
 */
export const demandPgVerifyBackup = async (t: Skippable): Promise<PgVerifyBackup | undefined> => {
  const [program] = candidates();
  if (program === undefined) {
    const message = 'pg_verifybackup is missing: install it (Debian: apt-get install postgresql-15)';
    if (process.env.WALWARDEN_DEMAND_PARTS === '1') throw new Error(message);
    t.skip(message);
    return undefined;
  }
  const { stdout } = await run(program, ['--version']);
  const major = Number(/\(PostgreSQL\) (\d+)/.exec(stdout)?.[1]);
  return {
    major,
    verify: async (args) =>
      run(program, [...args], { env: { ...process.env, LC_ALL: 'C' } }).then(
        ({ stdout, stderr }) => ({ isAccepted: true, output: stdout + stderr }),
        (error: unknown) => ({ isAccepted: false, output: String(error) }),
      ),
  };
};
