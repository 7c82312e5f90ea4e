import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readEnvDirectory } from '../../../agent/settings/env-directory.ts';
import { environmentOf } from '../../../agent/settings/sources.ts';

const directoryOf = (context: TestContext, files: Readonly<Record<string, string | Buffer>>): string => {
  const directory = mkdtempSync(join(tmpdir(), 'walwarden-env-'));
  context.after(() => rmSync(directory, { recursive: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  return directory;
};

test('a file is read as envdir reads it', (context) => {
  const directory = directoryOf(context, {
    PLAIN: 'value',
    FIRST_LINE: 'first\nsecond\n',
    TRAILING: ' kept in front, cut behind \t \n',
    WITH_NUL: 'two\0lines',
    CARRIAGE: 'return\r\n',
    NEWLINE_ONLY: '\n',
    EMPTY: '',
    '.hidden': 'x',
    'with=equals': 'x',
  });
  const { variables, problems } = readEnvDirectory(directory);
  assert.deepEqual(problems, []);
  assert.deepEqual(Object.fromEntries(variables), {
    PLAIN: 'value',
    FIRST_LINE: 'first',
    TRAILING: ' kept in front, cut behind',
    WITH_NUL: 'two\nlines',
    CARRIAGE: 'return\r',
    NEWLINE_ONLY: '',
    EMPTY: undefined,
  });
});

test('what cannot be read is named, all of it at once, and a named pipe holds nobody up', (context) => {
  const directory = directoryOf(context, { FINE: 'x', HUGE: Buffer.alloc(300_000, 'x') });
  mkdirSync(join(directory, 'SUB'));
  execFileSync('mkfifo', [join(directory, 'PIPE')]);
  const { problems } = readEnvDirectory(directory);
  assert.equal(problems.length, 3);
  assert.match(
    problems.join('\n'),
    /HUGE cannot be read: it is longer.*\n.*PIPE cannot be read.*\n.*SUB cannot be read/,
  );
});

test('a directory that is not there is a problem and not an empty one', () => {
  assert.match(
    readEnvDirectory('/nonexistent/env').problems.join(),
    /\/nonexistent\/env cannot be read: ENOENT/,
  );
});

test('the directory lies over the environment, and an empty file unsets', (context) => {
  const directory = directoryOf(context, { PGHOST: '/run/pg', PGUSER: '' });
  const { environment } = environmentOf({
    processEnvironment: { PGHOST: 'elsewhere', PGUSER: 'someone', PGPORT: '1' },
    envDirectory: directory,
  });
  assert.equal(environment.get('PGHOST')?.value, '/run/pg');
  assert.equal(environment.get('PGHOST')?.origin, `${directory}/PGHOST`);
  assert.equal(environment.has('PGUSER'), false);
  assert.equal(environment.get('PGPORT')?.origin, 'the environment');
});
