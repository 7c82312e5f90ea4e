import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { inheritedTable } from '../../agent/settings/inherited.ts';
import { settingTable } from '../../agent/settings/settings.ts';

const pageOf = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

const codeIn = (cell: string): readonly string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);

test('the page on migrating from WAL-G has every inherited setting, and what it turns into', () => {
  const rows = (pageOf('migrating-from-wal-g.md').split('## Settings')[1] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const documented = rows.flatMap(([, theirs = '', ours = '']) => {
    const variables = codeIn(ours).join(', ');
    return codeIn(theirs).map((name) => `${name} -> ${variables}`);
  });
  const known = inheritedTable.flatMap(({ names, variables }) =>
    names.map((name) => `${name} -> ${variables.join(', ')}`),
  );
  assert.deepEqual([...documented].sort(), [...known].sort());
});

test('no name is in the table of inherited settings twice, and what they turn into are settings of ours', () => {
  const names = inheritedTable.flatMap((row) => row.names);
  assert.deepEqual(names, [...new Set(names)]);
  const own = new Set(settingTable.map(({ variable }) => variable));
  for (const variable of inheritedTable.flatMap(({ variables }) => variables))
    assert(own.has(variable), variable);
  for (const name of names) assert(!own.has(name), `${name} is not ours as well`);
});

test('every policy on the page of permissions is one that IAM can read, and lets no host delete', () => {
  const blocks = [...pageOf('iam.md').matchAll(/```json\n(.*?)```/gs)].map(([, text = '']) =>
    JSON.parse(text),
  );
  assert(blocks.length >= 5);
  for (const policy of blocks) {
    assert.equal(policy.Version, '2012-10-17');
    assert(Array.isArray(policy.Statement) && policy.Statement.length > 0);
    for (const { Sid, Effect, Action, Resource } of policy.Statement) {
      assert.match(Sid, /^[A-Za-z0-9]+$/);
      assert.match(Effect, /^(Allow|Deny)$/);
      for (const action of [Action].flat()) {
        assert.match(action, /^(s3|kms):[A-Za-z]+$/, 'no wildcards among the actions');
        if (Effect === 'Allow') assert.doesNotMatch(action, /Delete|Bypass/);
      }
      for (const resource of [Resource].flat()) assert.match(resource, /^arn:aws:(s3|kms):/);
    }
  }
});
