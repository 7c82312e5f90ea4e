import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './staging.ts';
import { eventually } from './waiting.ts';

/** A real S3 API server over a directory, Apache-2.0, built from the Go module proxy, whose checksums Go verifies. */
const version = 'v1.8.0';
const module = 'github.com/versity/versitygw/cmd/versitygw';
const cache = join(projectRoot, 'node_modules', '.cache', 'walwarden');
const binary = join(cache, `versitygw-${version}`);
const lock = `${binary}.lock`;
const buildTimeoutMs = 8 * 60_000;

export type Versitygw = { readonly binary: string } | { readonly missing: string };

const build = (): Versitygw => {
  const bin = `${binary}.${process.pid}`;
  process.stderr.write(`building the S3 server for tests, ${module}@${version}: a minute or two, once\n`);
  const go = spawnSync('go', ['install', `${module}@${version}`], {
    env: { ...process.env, GOBIN: bin, GOFLAGS: '', CGO_ENABLED: '0' },
    encoding: 'utf8',
    timeout: buildTimeoutMs,
  });
  try {
    if (go.error !== undefined)
      return { missing: `Go is missing (${go.error.message}): install it from https://go.dev/dl` };
    if (go.status !== 0)
      return { missing: `go install ${module}@${version} failed: ${go.stderr.trim().slice(-500)}` };
    renameSync(join(bin, 'versitygw'), binary);
    return { binary };
  } finally {
    rmSync(bin, { recursive: true, force: true });
  }
};

const isStale = (): boolean => {
  const made = statSync(lock, { throwIfNoEntry: false })?.mtimeMs;
  return made !== undefined && Date.now() - made > buildTimeoutMs;
};

/** True when we are to build; false when another test file builds. */
const takeLock = (): boolean => {
  if (isStale()) rmSync(lock, { recursive: true, force: true });
  try {
    mkdirSync(lock);
    return true;
  } catch {
    return false;
  }
};

const buildOnce = async (): Promise<Versitygw> => {
  mkdirSync(cache, { recursive: true });
  const isOurs = await eventually(
    'the S3 server being built by another test file',
    () => (existsSync(binary) ? 'built' : takeLock() && 'ours'),
    { timeoutMs: buildTimeoutMs },
  );
  if (isOurs === 'built') return { binary };
  try {
    return existsSync(binary) ? { binary } : build();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
};

/** Tells the processes that we start what was found, so that none of them tries in vain again. */
export const tellVersitygw = (found: Versitygw): void => {
  if ('missing' in found) process.env.WALWARDEN_VERSITYGW_MISSING = found.missing;
  else process.env.WALWARDEN_VERSITYGW = found.binary;
};

/** Where the server is, built the first time that anybody asks. */
export const findVersitygw = async (): Promise<Versitygw> => {
  const missing = process.env.WALWARDEN_VERSITYGW_MISSING;
  if (missing !== undefined) return { missing };
  const given = process.env.WALWARDEN_VERSITYGW;
  if (given !== undefined && given !== '') {
    return existsSync(given)
      ? { binary: given }
      : { missing: `WALWARDEN_VERSITYGW names ${given}, which is not there` };
  }
  return existsSync(binary) ? { binary } : buildOnce();
};
