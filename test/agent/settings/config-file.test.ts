import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { environmentOf } from '../../../agent/settings/sources.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const fileOf = (t: TestContext, text: string, name = '.walg.json'): string => {
  const path = join(temporaryDirectory(t), name);
  writeFileSync(path, text);
  return path;
};

test("a JSON configuration of WAL-G is read, below the environment, whatever the names' case", (t) => {
  const configFile = fileOf(
    t,
    '{"WALG_FILE_PREFIX": "/archive", "walg_upload_concurrency": 3, "PGHOST": "/run", "WALG_FAILOVER_STORAGES": {"a": 1}}',
  );
  const { environment, problems, inheritance } = environmentOf({
    processEnvironment: { PGHOST: '/tmp' },
    configFile,
  });
  assert.deepEqual(problems, []);
  assert.equal(environment.get('WALWARDEN_PREFIX')?.value, 'file:///archive');
  assert.equal(environment.get('WALWARDEN_PREFIX')?.origin, `WALG_FILE_PREFIX of ${configFile}`);
  assert.equal(environment.get('WALWARDEN_JOBS')?.value, '3');
  assert.equal(environment.get('PGHOST')?.value, '/tmp');
  assert(inheritance.some(({ name, outcome }) => name === 'WALG_FAILOVER_STORAGES' && outcome === 'ignored'));
});

test('the default file counts only where nothing says in our words where the archive is', (t) => {
  const defaultConfigFile = fileOf(t, '{"WALG_FILE_PREFIX": "/theirs"}');
  const prefixWith = (processEnvironment: Record<string, string>, path = defaultConfigFile) =>
    environmentOf({ processEnvironment, defaultConfigFile: path }).environment.get('WALWARDEN_PREFIX')?.value;
  assert.equal(prefixWith({}), 'file:///theirs');
  assert.equal(prefixWith({ WALWARDEN_PREFIX: 'file:///ours' }), 'file:///ours');
  assert.equal(prefixWith({}, '/nonexistent/.walg.json'), undefined);
});

test('YAML, broken JSON and a missing file are problems that quote nothing of the content', (t) => {
  for (const [text, problem] of [
    ['WALG_LIBSODIUM_KEY: open-sesame\n', /JSON only: put each setting into a file/],
    ['{"WALG_LIBSODIUM_KEY": open-sesame}', /is not valid JSON/],
  ] as const) {
    const { problems } = environmentOf({ processEnvironment: {}, configFile: fileOf(t, text, 'walg.yaml') });
    assert.equal(problems.length, 1);
    assert.match(`${problems[0]}`, problem);
    assert.doesNotMatch(`${problems[0]}`, /open-sesame/);
  }
  const { problems } = environmentOf({ processEnvironment: {}, configFile: '/nonexistent/walg.json' });
  assert.match(`${problems[0]}`, /cannot be read/);
});
