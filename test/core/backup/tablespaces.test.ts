import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatTablespaceMap,
  formatTablespaceSpec,
  parseTablespaceMap,
  parseTablespaceSpec,
  remapTablespaces,
  replaceTablespaces,
} from '../../../lib/core/backup/tablespaces.ts';
import { isPipelineError } from '../../../lib/core/errors.ts';
import type { JsonValue } from '../../../lib/core/json.ts';
import { refusal } from '../wal/arbitraries.ts';

const one = { oid: 16386, location: '/mnt/ts1', link: 'pg_tblspc/16386' };
const two = { oid: 16390, location: '/mnt/ts2', link: 'pg_tblspc/16390' };

test('the Spec of WAL-G is read and written as it is', () => {
  const json = {
    base_prefix: '/var/lib/pg/data',
    tablespaces: ['16386', '16390'],
    '16386': { loc: '/mnt/ts1', link: 'pg_tblspc/16386' },
    '16390': { loc: '/mnt/ts2', link: 'pg_tblspc/16390' },
  };
  const spec = { basePrefix: '/var/lib/pg/data', tablespaces: [one, two] };
  assert.deepEqual(parseTablespaceSpec(json, 'Spec'), spec);
  assert.deepEqual(formatTablespaceSpec(spec), json);
});

test("WAL-E's final slashes mean nothing", () => {
  const spec = parseTablespaceSpec(
    {
      base_prefix: '/var/lib/pg/data/',
      tablespaces: ['16386'],
      '16386': { loc: '/mnt/ts1//', link: 'pg_tblspc/16386/' },
    },
    'spec',
  );
  assert.deepEqual(spec, { basePrefix: '/var/lib/pg/data', tablespaces: [one] });
  assert.deepEqual(parseTablespaceSpec({ base_prefix: '/' }, 'spec'), { basePrefix: '/', tablespaces: [] });
});

test('a Spec that would lead a restore elsewhere is refused', () => {
  const specWith = (name: string, entry: JsonValue, base_prefix = '/data'): JsonValue => ({
    base_prefix,
    tablespaces: [name],
    [name]: entry,
  });
  const sound = { loc: '/mnt/ts1', link: 'pg_tblspc/1' };
  parseTablespaceSpec(specWith('1', sound), 'Spec');
  for (const spec of [
    specWith('1', { ...sound, loc: 'mnt/ts1' }),
    specWith('1', { ...sound, loc: '/mnt/../etc' }),
    specWith('1', { ...sound, loc: '/mnt/./x' }),
    specWith('1', { ...sound, loc: '/mnt/\0' }),
    specWith('1', { ...sound, loc: '' }),
    specWith('1', { ...sound, link: '../../etc' }),
    specWith('1', { ...sound, link: 'pg_tblspc/2' }),
    specWith('1', sound, 'data'),
    specWith('0', { ...sound, link: 'pg_tblspc/0' }),
    specWith('4294967296', { ...sound, link: 'pg_tblspc/4294967296' }),
    specWith('../1', { ...sound, link: 'pg_tblspc/../1' }),
    { base_prefix: '/data', tablespaces: ['1'] },
    { tablespaces: [] },
  ]) {
    assert.throws(
      () => parseTablespaceSpec(spec, 'Spec'),
      (thrown) => isPipelineError(thrown, 'archive-document-invalid'),
      JSON.stringify(spec),
    );
  }
});

test('tablespace_map is read with the escapes that PostgreSQL writes', () => {
  // Written by PostgreSQL 15 for a tablespace in a directory named 'ts one\two'.
  const text = '16392 /tmp/ww/ts one\\\\two\n';
  const list = [{ oid: 16392, location: '/tmp/ww/ts one\\two' }];
  assert.deepEqual(parseTablespaceMap(text), list);
  assert.equal(formatTablespaceMap(list), text);
  assert.deepEqual(parseTablespaceMap(''), []);
  assert.deepEqual(parseTablespaceMap('1 /a\\\nb\r\n\n2 /c\n'), [
    { oid: 1, location: '/a\nb' },
    { oid: 2, location: '/c' },
  ]);
});

test('every tablespace comes back from its map, whatever its directory is called', () => {
  const step = fc
    .string({ minLength: 1, unit: fc.constantFrom('\n', '\r', '\\', ' ', 'a', 'é', "'") })
    .map((text) => `x${text}`);
  const tablespace = fc
    .tuple(fc.integer({ min: 1, max: 0xffff_ffff }), fc.array(step, { minLength: 1, maxLength: 3 }))
    .map(([oid, steps]) => ({ oid, location: `/${steps.join('/')}` }));
  fc.assert(
    fc.property(fc.array(tablespace), (list) => {
      assert.deepEqual(parseTablespaceMap(formatTablespaceMap(list)), list);
    }),
  );
});

test('a damaged tablespace_map is refused', () => {
  for (const text of [
    '16392 /mnt/ts1',
    '16392 /mnt/ts1\\',
    '16392\n',
    'x /mnt\n',
    '16392 mnt\n',
    '1 /a\\\n',
  ]) {
    assert.throws(
      () => parseTablespaceMap(text),
      (thrown) => isPipelineError(thrown, 'archive-document-invalid'),
      JSON.stringify(text),
    );
  }
});

test('tablespaces move where the mapping says, and the others stay', () => {
  const moved = remapTablespaces([one, two], new Map([['/mnt/ts1/', '/new/ts1/']]));
  assert.deepEqual(moved, [{ ...one, location: '/new/ts1' }, two]);
  assert.deepEqual(remapTablespaces([one], new Map()), [one]);
});

test('two tablespaces can change places', () => {
  const swap = new Map([
    ['/mnt/ts1', '/mnt/ts2'],
    ['/mnt/ts2', '/mnt/ts1'],
  ]);
  assert.deepEqual(
    remapTablespaces([one, two], swap).map(({ location }) => location),
    ['/mnt/ts2', '/mnt/ts1'],
  );
});

test('a mapping that cannot be meant is refused', () => {
  const refused = (
    mapping: readonly (readonly [string, string])[],
    message: RegExp,
    list = [one, two],
  ): void => {
    assert.throws(
      () => remapTablespaces(list, new Map(mapping)),
      (thrown) => isPipelineError(thrown, 'tablespace-unmapped') && message.test(thrown.message),
    );
  };
  refused([['/mnt/ts3', '/new']], /no tablespace of this backup lies at \/mnt\/ts3/);
  refused([['/mnt/ts3', '/new']], /no tablespace/, []);
  refused([['/mnt/ts1', 'new']], /new is no place/);
  refused([['/mnt/ts1', '/new/../x']], /is no place/);
  refused([['/mnt/ts1', '/mnt/ts2']], /tablespace 16390 would share \/mnt\/ts2/);
});

const placeAt = (oid: number, location: string) => ({ oid, location, link: `pg_tblspc/${oid}` });

test('a list of new places replaces those of a backup, all of them or none', () => {
  const backup = [placeAt(16386, '/mnt/a'), placeAt(16390, '/mnt/b')];
  const places = [placeAt(16390, '/new/b'), placeAt(16386, '/new/a')];
  assert.deepEqual(replaceTablespaces(backup, places), places);
  assert.deepEqual(replaceTablespaces([], places), places, 'a backup that does not know its tablespaces');
  assert.deepEqual(replaceTablespaces([], []), []);
  assert.throws(
    () => replaceTablespaces(backup, places.slice(1)),
    refusal('tablespace-unmapped', /differ about tablespace 16390/),
  );
  assert.throws(
    () => replaceTablespaces(backup, [...places, placeAt(1, '/new/c')]),
    refusal('tablespace-unmapped', /differ about tablespace 1$/),
  );
  assert.throws(
    () => replaceTablespaces([], [placeAt(16386, '/new/a'), placeAt(16390, '/new/a')]),
    refusal('tablespace-unmapped', /would share \/new\/a/),
  );
});
