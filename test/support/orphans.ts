import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Ends the servers that still run on data directories under `directory`, because whoever started them was killed and
 * could not; returns those data directories. Linux only: a postmaster is recognised by its working directory, which is
 * its data directory, since a process id alone may long be somebody else's.
 */
export const endOrphans = (directory: string): readonly string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('/postmaster.pid'))
    .map((path) => join(directory, path))
    .filter(isEnded)
    .map(dirname);

const isEnded = (lockFile: string): boolean => {
  try {
    const pid = Number.parseInt(readFileSync(lockFile, 'utf8'), 10);
    if (readlinkSync(`/proc/${pid}/cwd`) !== dirname(lockFile)) return false;
    // An immediate shutdown: the postmaster ends its children before itself.
    return process.kill(pid, 'SIGQUIT');
  } catch {
    return false;
  }
};
