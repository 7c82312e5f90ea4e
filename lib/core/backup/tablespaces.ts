import { PipelineError } from '../errors.ts';
import { fieldReader, type JsonObject, type JsonValue } from '../json.ts';

/** Where one tablespace lies. `location` is an absolute directory without a final slash. */
export type TablespaceLocation = { readonly oid: number; readonly location: string };

/** `link` is the tablespace's link relative to PGDATA: `pg_tblspc/<oid>`. */
export type Tablespace = TablespaceLocation & { readonly link: string };

/** The tablespaces of a backup as the sentinel's `Spec` keeps them; `basePrefix` is the data directory backed up. */
export type TablespaceSpec = { readonly basePrefix: string; readonly tablespaces: readonly Tablespace[] };

const oidText = /^[1-9]\d{0,9}$/;
const maxOid = 0xffff_ffff;

const invalid = (message: string): PipelineError =>
  new PipelineError('archive-document-invalid', {
    message,
    hint: 'The document was damaged or written by something else; compare it with the tablespaces of the cluster.',
  });

const withoutFinalSlash = (path: string): string => (path === '/' ? path : path.replace(/\/+$/, ''));

/** Absolute and without `.`, `..` or a NUL: a document out of a bucket must not lead a restore anywhere else. */
const isPlainDirectory = (path: string): boolean =>
  path.startsWith('/') &&
  !path.includes('\0') &&
  !path.split('/').some((step) => step === '.' || step === '..');

const parseOid = (text: string, what: string): number => {
  const oid = oidText.test(text) ? Number(text) : 0;
  if (oid < 1 || oid > maxOid) throw invalid(`${what} names tablespace ${JSON.stringify(text.slice(0, 40))}`);
  return oid;
};

const parseLocation = (text: string, what: string): string => {
  const location = withoutFinalSlash(text);
  if (!isPlainDirectory(location)) {
    throw invalid(`${what} has ${JSON.stringify(text.slice(0, 200))} where an absolute directory belongs`);
  }
  return location;
};

/**
 * Reads the shape that WAL-G writes as `Spec` and WAL-E as `spec`:
 * `{"base_prefix": dir, "tablespaces": ["16386"], "16386": {"loc": dir, "link": "pg_tblspc/16386"}}`.
 * WAL-E's final slashes are dropped.
 *
 * @throws 'archive-document-invalid' naming `what`, also for a location that is not absolute or a link that would lie
 *   anywhere but at `pg_tblspc/<oid>`
 */
export const parseTablespaceSpec = (value: JsonValue, what: string): TablespaceSpec => {
  const fields = fieldReader(value, what);
  const basePrefix = parseLocation(fields.string('base_prefix'), what);
  const names = fields.optionalStrings('tablespaces') ?? [];
  const tablespaces = names.map((name) => {
    const oid = parseOid(name, what);
    const entry = fields.object(name);
    const link = withoutFinalSlash(entry.string('link'));
    if (link !== `pg_tblspc/${name}`) {
      throw invalid(`${what} links tablespace ${name} at ${JSON.stringify(link.slice(0, 200))}`);
    }
    return { oid, location: parseLocation(entry.string('loc'), what), link };
  });
  return { basePrefix, tablespaces };
};

export const formatTablespaceSpec = (spec: TablespaceSpec): JsonObject => ({
  base_prefix: spec.basePrefix,
  tablespaces: spec.tablespaces.map(({ oid }) => String(oid)),
  ...Object.fromEntries(
    spec.tablespaces.map(({ oid, location, link }) => [String(oid), { loc: location, link }]),
  ),
});

/** Lines of a tablespace_map with their escapes undone; a line ends at a newline or carriage return that has none. */
const mapLines = (text: string): readonly string[] => {
  const lines: string[] = [];
  let line = '';
  let isEscaped = false;
  for (const character of text) {
    if (!isEscaped && (character === '\n' || character === '\r')) {
      if (line !== '') lines.push(line);
      line = '';
    } else if (!isEscaped && character === '\\') {
      isEscaped = true;
    } else {
      line += character;
      isEscaped = false;
    }
  }
  if (line !== '' || isEscaped) throw invalid('tablespace_map does not end with a whole line');
  return lines;
};

/**
 * Reads `tablespace_map`, which PostgreSQL hands out when a backup stops: a line `<oid> <location>` per tablespace, with
 * a backslash before each newline, carriage return and backslash of the location (read_tablespace_map in
 * src/backend/access/transam/xlogrecovery.c).
 *
 * @throws 'archive-document-invalid'
 */
export const parseTablespaceMap = (text: string): readonly TablespaceLocation[] =>
  mapLines(text).map((line) => {
    const space = line.indexOf(' ');
    if (space < 0) throw invalid(`tablespace_map has the line ${JSON.stringify(line.slice(0, 200))}`);
    const oid = parseOid(line.slice(0, space), 'tablespace_map');
    return { oid, location: parseLocation(line.slice(space + 1), 'tablespace_map') };
  });

/** The text that PostgreSQL reads when it starts from a backup (do_pg_backup_start in xlog.c writes the same). */
export const formatTablespaceMap = (tablespaces: readonly TablespaceLocation[]): string =>
  tablespaces
    .map(({ oid, location }) => `${oid} ${location.replaceAll(/[\n\r\\]/g, (special) => `\\${special}`)}\n`)
    .join('');

const unmapped = (message: string, hint: string): PipelineError =>
  new PipelineError('tablespace-unmapped', { message, hint });

/**
 * Moves tablespaces, as `pg_basebackup --tablespace-mapping=OLD=NEW` does. What the mapping does not name stays where it
 * was. Everything of a tablespace but its location is kept.
 *
 * @throws 'tablespace-unmapped' when the mapping names a directory where no tablespace lies, a new directory is not
 *   absolute, or two tablespaces would share one
 */
export const remapTablespaces = <Located extends TablespaceLocation>(
  tablespaces: readonly Located[],
  newLocations: ReadonlyMap<string, string>,
): readonly Located[] => {
  const known = new Set(tablespaces.map(({ location }) => location));
  const wanted = new Map<string, string>();
  for (const [from, to] of newLocations) {
    const [oldLocation, newLocation] = [withoutFinalSlash(from), withoutFinalSlash(to)];
    if (!known.has(oldLocation)) {
      const list = [...known].join(', ');
      throw unmapped(
        `no tablespace of this backup lies at ${from}`,
        list === '' ? 'The backup has no tablespaces.' : `Its tablespaces lie at ${list}.`,
      );
    }
    if (!isPlainDirectory(newLocation)) {
      throw unmapped(`${to} is no place for a tablespace`, 'Give an absolute directory without "." or "..".');
    }
    wanted.set(oldLocation, newLocation);
  }
  const moved = tablespaces.map((tablespace) => ({
    ...tablespace,
    location: wanted.get(tablespace.location) ?? tablespace.location,
  }));
  const taken = new Set<string>();
  for (const { oid, location } of moved) {
    if (taken.has(location)) {
      throw unmapped(
        `tablespace ${oid} would share ${location} with another one`,
        'Give each a directory of its own.',
      );
    }
    taken.add(location);
  }
  return moved;
};

/**
 * Gives every tablespace of a backup the place that a whole list of new places names, as WAL-G and WAL-E do with
 * `--restore-spec`. A backup that says nothing of its tablespaces has those of the list.
 *
 * @throws 'tablespace-unmapped' when the two do not name the same tablespaces, or two of them would share a directory
 */
export const replaceTablespaces = (
  tablespaces: readonly Tablespace[],
  places: readonly Tablespace[],
): readonly Tablespace[] => {
  const wanted = new Set((tablespaces.length === 0 ? places : tablespaces).map(({ oid }) => oid));
  const given = new Set(places.map(({ oid }) => oid));
  const different = wanted.symmetricDifference(given);
  if (different.size > 0) {
    throw unmapped(
      `the new places and the backup differ about tablespace ${[...different].join(', ')}`,
      `The backup has the tablespaces ${[...wanted].join(', ')}; give each of them a place.`,
    );
  }
  return remapTablespaces(places, new Map());
};
