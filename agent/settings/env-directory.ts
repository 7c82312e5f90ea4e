import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** What a settings directory says of one variable: its value, or `undefined` for "not set, whatever was set before". */
export type EnvDirectory = {
  readonly variables: ReadonlyMap<string, string | undefined>;
  readonly problems: readonly string[];
};

/** Far more than any setting; a mistaken directory full of large files must not fill the memory. */
const mostBytes = 256 * 1024;

/**
 * Reads a directory of settings as djb's envdir does (https://cr.yp.to/daemontools/envdir.html): each file is a
 * variable, its first line the value, trailing spaces and tabs removed, NUL standing for a newline; an empty file
 * unsets. Names that begin with a dot are passed over (envdir.c), which also suits the `..data` of a mounted
 * Kubernetes secret. What envdir would die of is a problem, and all problems are named at once.
 */
export const readEnvDirectory = (directory: string): EnvDirectory => {
  let names: string[];
  try {
    names = readdirSync(directory).sort();
  } catch (error) {
    return {
      variables: new Map(),
      problems: [`the settings directory ${directory} cannot be read: ${reason(error)}`],
    };
  }
  const variables = new Map<string, string | undefined>();
  const problems: string[] = [];
  for (const name of names) {
    if (name.startsWith('.') || name.includes('=')) continue;
    const path = join(directory, name);
    try {
      variables.set(name, firstLine(readSmallFile(path)));
    } catch (error) {
      problems.push(`${path} cannot be read: ${reason(error)}`);
    }
  }
  return { variables, problems };
};

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const firstLine = (bytes: Buffer): string | undefined => {
  if (bytes.length === 0) return undefined;
  const newline = bytes.indexOf('\n');
  const line = newline < 0 ? bytes : bytes.subarray(0, newline);
  return line
    .toString('utf8')
    .replace(/[ \t]+$/, '')
    .replaceAll('\0', '\n');
};

/** Opened without waiting, because a named pipe would otherwise hold the archiver for ever. */
const readSmallFile = (path: string): Buffer => {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) throw new Error('it is not a regular file');
    const buffer = Buffer.alloc(mostBytes + 1);
    let filled = 0;
    for (let bytesRead = -1; bytesRead !== 0 && filled < buffer.length; filled += bytesRead) {
      bytesRead = readSync(file, buffer, filled, buffer.length - filled, null);
    }
    if (filled > mostBytes) throw new Error(`it is longer than ${mostBytes} bytes`);
    return buffer.subarray(0, filled);
  } finally {
    closeSync(file);
  }
};
