import { readFile } from 'node:fs/promises';
import { parseTablespaceSpec, type TablespaceSpec } from '../../lib/core/backup/tablespaces.ts';
import { PipelineError } from '../../lib/core/errors.ts';
import { parseJson } from '../../lib/core/json.ts';
import type { ParsedOptions } from '../command-line.ts';

const wrong = (message: string, hint: string): PipelineError =>
  new PipelineError('usage-wrong', { message, hint });

/**
 * The file that `--restore-spec` names, in the shape of a sentinel's `Spec`. WAL-G restores below its `base_prefix`, so
 * one that is not the directory on the command line was written for another restore.
 *
 * @throws 'usage-wrong', 'file-unreadable', 'archive-document-invalid'
 */
export const restoreSpecFrom = async (
  options: ParsedOptions,
  directory: string,
): Promise<TablespaceSpec | undefined> => {
  const path = options.string('restore-spec');
  if (path === undefined) return undefined;
  if (options.strings('tablespace-mapping').length > 0) {
    throw wrong('--restore-spec and --tablespace-mapping are both given', 'Either names the new places.');
  }
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new PipelineError('file-unreadable', {
      message: `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: 'Give --restore-spec a file with base_prefix, tablespaces, and loc and link of each.',
      cause,
    });
  });
  const spec = parseTablespaceSpec(parseJson(text, path), path);
  if (spec.basePrefix === directory) return spec;
  throw wrong(
    `${path} is for a restore to ${spec.basePrefix}, not to ${directory}`,
    'Let its base_prefix name the directory that is restored to.',
  );
};
