import { PipelineError } from '../../lib/core/errors.ts';
import { parseWalFileName } from '../../lib/core/wal/wal-file.ts';
import type { Command, CommandRegistry } from '../command-line.ts';
import { nearest } from '../host/spelling.ts';

/** @throws 'usage-wrong' when there is no such command */
export const loadCommand = async (registry: CommandRegistry, name: string): Promise<Command> => {
  const load = Object.hasOwn(registry, name) ? registry[name] : undefined;
  if (load !== undefined) return load();
  const meant = nearest(name, Object.keys(registry));
  throw new PipelineError('usage-wrong', {
    message: `there is no command ${JSON.stringify(name)}`,
    hint:
      (meant === undefined ? '' : `Did you mean "walwarden ${meant}"? `) +
      '"walwarden help" lists the commands.',
  });
};

/**
 * Whether a line that names no command of ours was probably meant as restore_command: a command near to wal-fetch, or a
 * WAL file's name with a path behind it, which is what PostgreSQL adds to it. PostgreSQL takes a status of 1 to 125 from
 * restore_command as the end of the archive (src/backend/access/transam/xlogarchive.c), so that a slip of the pen would
 * end recovery early.
 */
export const mayMeanWalFetch = (registry: CommandRegistry, line: readonly string[]): boolean => {
  const names = Object.keys(registry);
  return line.some(
    (word, index) =>
      (nearest(word, names) ?? word) === 'wal-fetch' ||
      (parseWalFileName(word) !== undefined && line[index + 1] !== undefined),
  );
};
