import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const agentTests = join(import.meta.dirname, '..', 'agent');
const endings = { directory: '.directory.test.ts', s3: '.s3.test.ts' } as const;

test('every suite of the agent that runs on a directory runs on S3 as well', () => {
  const names = readdirSync(agentTests);
  const onDirectory = names.flatMap((name) =>
    name.endsWith(endings.directory) ? [name.slice(0, -endings.directory.length)] : [],
  );
  assert(onDirectory.length >= 12, 'the suites were found');
  assert.deepEqual(
    onDirectory.filter((suite) => !names.includes(`${suite}${endings.s3}`)),
    [],
  );
});
