import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { cruise } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';

const require = createRequire(import.meta.url);
const configuration = require('../../.dependency-cruiser.cjs');

// bin and lambdas are rooms that nobody lives in yet, and git keeps no empty directories.
const rooms = ['bin', 'lib', 'lambdas', 'agent', 'test'].filter((room) => existsSync(room));

const sourceFiles = rooms.flatMap((room) =>
  readdirSync(room, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !path.split('/').includes('node_modules'),
  ),
);

test('every room imports only the rooms it may', async () => {
  const { output } = await cruise(
    rooms,
    { ...configuration.options, ruleSet: { forbidden: configuration.forbidden }, validate: true },
    {},
    { tsConfig: extractTSConfig('tsconfig.json') },
  );
  assert(typeof output === 'object', 'dependency-cruiser reports an object');
  const violations = output.summary.violations.map(
    ({ rule, from, to }) => `${rule.name}: ${from} imports ${to}`,
  );
  assert.deepEqual(violations, []);
  const read = output.modules.filter(({ source }) => source.endsWith('.ts'));
  assert(
    read.length >= sourceFiles.length,
    `all ${sourceFiles.length} sources were read, not ${read.length}: a checker that reads nothing finds nothing`,
  );
  assert(read.length >= 300, `at least 300 modules were read, not ${read.length}`);
});
