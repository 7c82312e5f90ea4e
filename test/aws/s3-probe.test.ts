import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probeConditionalWrites } from '../../lib/aws/s3-probe.ts';
import { parseObjectKey } from '../../lib/core/archive/object-key.ts';

const keys = { whole: parseObjectKey('probes/whole'), inParts: parseObjectKey('probes/in-parts') };

/** A writer that refuses to overwrite, or takes `If-None-Match` for nothing. */
const writer = (isConditional: boolean) => {
  const there = new Set<string>();
  return async (key: string): Promise<'created' | 'exists'> => {
    const isRefused = isConditional && there.has(key);
    there.add(key);
    return isRefused ? 'exists' : 'created';
  };
};

for (const [name, create, createInParts, found] of [
  ['both writes', writer(true), writer(true), { kept: true }],
  ['none', writer(false), writer(true), { kept: false, ignoredBy: 'PutObject' }],
  ['only PutObject', writer(true), writer(false), { kept: false, ignoredBy: 'CompleteMultipartUpload' }],
] as const) {
  test(`a store whose condition holds for ${name} is known as such, also by a second probe`, async () => {
    assert.deepEqual(await probeConditionalWrites({ create, createInParts }, keys), found);
    assert.deepEqual(await probeConditionalWrites({ create, createInParts }, keys), found);
  });
}
