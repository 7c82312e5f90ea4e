import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { settingTable } from '../../agent/settings/settings.ts';
import { errorTable } from '../../lib/core/errors.ts';

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');

/** The cells of every table row, with the code marks and the escapes of Markdown taken off. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('\\|', '|').replaceAll('`', '')),
  );

test('the page on configuration has every setting, with its type and default, and no other', () => {
  const documented = rows.filter(([name = '']) => /^[A-Z][A-Z0-9_]+$/.test(name));
  assert.deepEqual(
    documented.map((cells) => cells.slice(0, 3)),
    settingTable.map(({ variable, kind, preset }) => [variable, kind.type, preset.text]),
  );
  for (const [name, , , meaning = ''] of documented) assert.match(meaning, /\.$/, `${name} is explained`);
});

test('the page on configuration has every error code, with its exit status and whether it heals, and no other', () => {
  const documented = rows.filter(([status = '']) => /^\d+$/.test(status));
  assert.deepEqual(
    documented.map((cells) => cells.slice(0, 3)),
    Object.entries(errorTable).map(([code, { exitStatus, retry }]) => [String(exitStatus), code, retry]),
  );
  for (const [, code, , meaning = '', remedy = ''] of documented) {
    assert.match(meaning, /\.$/, `${code} says what it means`);
    assert.match(remedy, /\.$/, `${code} says what to do`);
  }
});

test('no two error codes share an exit status, and none exceeds what the archiver survives', () => {
  const statuses = Object.values(errorTable).map(({ exitStatus }) => exitStatus);
  assert.equal(new Set(statuses).size, statuses.length);
  for (const status of statuses) {
    assert(status > 1 && status <= 125 && ![69, 70, 96].includes(status), `${status} means one thing only`);
  }
});
