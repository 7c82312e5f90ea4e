import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noPages } from '../../../agent/backup/page-check.ts';
import { writePart } from '../../../agent/backup/part-writer.ts';
import { compress } from '../../../lib/codec/codec.ts';
import { partKey } from '../../../lib/core/archive/layout.ts';
import { openMemoryStore } from '../../fakes/memory-store.ts';

test('a part whose backup has failed meanwhile fails for that reason, before anybody reads it', async () => {
  const reason = new Error('another part was denied');
  const stopped = new AbortController();
  stopped.abort(reason);
  const writer = {
    store: openMemoryStore(),
    encode: compress('lz4'),
    pages: noPages,
    readLimit: async () => undefined,
    onRead: () => undefined,
    onVanished: () => undefined,
  };
  const entry = {
    kind: 'directory',
    path: 'base',
    source: '/nowhere/base',
    bytes: 0,
    mode: 0o700,
    modifiedAt: new Date(0),
  } as const;
  const key = partKey('base_000000010000000000000002', 'part_001', 'lz4');
  await assert.rejects(
    writePart(writer, key, [entry], { signal: stopped.signal }),
    (thrown) => thrown === reason,
  );
});
