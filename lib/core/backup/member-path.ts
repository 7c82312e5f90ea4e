import { PipelineError } from '../errors.ts';

/** PostgreSQL's MAXPGPATH is 1,024; Linux's PATH_MAX is this. */
const maxPathCharacters = 4096;

const hint = 'Restoring it could write outside of the data directory, so nothing of it is restored.';

/**
 * Whether a path can only mean a place below the directory that it is joined to: relative, without empty steps, `.`,
 * `..` or NUL. Paths come out of a bucket, and a restore writes where they point.
 */
export const isPathInside = (path: string): boolean =>
  path.length <= maxPathCharacters &&
  path.isWellFormed() &&
  !path.includes('\0') &&
  path.split('/').every((step) => step !== '' && step !== '.' && step !== '..');

/**
 * The path relative to PGDATA that a tar member's name means. WAL-G's local backups begin names with a slash, its remote
 * ones and WAL-E's do not, tar itself ends a directory's name with one, and PostgreSQL begins some with `./`.
 *
 * @returns '' for the data directory itself
 * @throws 'backup-damaged' for a name that would lead outside
 */
export const memberPathOf = (memberName: string): string => {
  const path = memberName.replace(/^(?:\/|\.\/)/, '').replace(/\/$/, '');
  if (path === '' || path === '.') return '';
  if (!isPathInside(path)) {
    throw new PipelineError('backup-damaged', {
      message: `the base backup holds a member named ${JSON.stringify(memberName.slice(0, 200))}`,
      hint,
    });
  }
  return path;
};
