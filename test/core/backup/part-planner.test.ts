import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planParts } from '../../../lib/core/backup/part-planner.ts';

type Entry = { readonly path: string; readonly bytes: number };

const entriesOf = (...sizes: readonly number[]): readonly Entry[] =>
  sizes.map((bytes, index) => ({ path: `f${index}`, bytes }));

const plan = async (
  entries: Iterable<Entry> | AsyncIterable<Entry>,
  limits?: { readonly tarBytes: number; readonly members: number },
): Promise<string[]> => {
  const parts: string[] = [];
  for await (const part of planParts(entries, limits)) {
    parts.push(`${part.number}: ${part.entries.map(({ path }) => path).join(' ')}`);
  }
  return parts;
};

test('entries fill parts in the order of the walk', async () => {
  // Each takes 1,024 bytes of tar: a header and one block.
  assert.deepEqual(await plan(entriesOf(1, 512, 300, 0, 7), { tarBytes: 2048, members: 100 }), [
    '1: f0 f1',
    '2: f2 f3',
    '3: f4',
  ]);
});

test('a part holds no more members than it may', async () => {
  assert.deepEqual(await plan(entriesOf(0, 0, 0, 0, 0), { tarBytes: 2 ** 30, members: 2 }), [
    '1: f0 f1',
    '2: f2 f3',
    '3: f4',
  ]);
});

test('a file that fills a part gets its own at once, and the others go on together', async () => {
  // 3,584 bytes and a header are exactly 4,096.
  for (const bytes of [99_999, 3584]) {
    assert.deepEqual(await plan(entriesOf(10, bytes, 10), { tarBytes: 4096, members: 100 }), [
      '1: f1',
      '2: f0 f2',
    ]);
  }
});

test('without entries there is no part', async () => {
  assert.deepEqual(await plan([]), []);
});

test('the walk is read no further than the next part needs', async () => {
  let read = 0;
  async function* walk(): AsyncGenerator<Entry> {
    for (;;) {
      read += 1;
      yield { path: `f${read}`, bytes: 0 };
    }
  }
  const parts = planParts(walk(), { tarBytes: 2 ** 30, members: 3 });
  assert.equal((await parts.next()).done, false);
  assert.equal(read, 4);
  await parts.return();
});

test('unless told otherwise a part has a gibibyte and ten thousand members', async () => {
  assert.equal((await plan(entriesOf(...Array.from({ length: 10_001 }, () => 0)))).length, 2);
  assert.equal((await plan(entriesOf(2 ** 29, 2 ** 29))).length, 2);
  assert.equal((await plan(entriesOf(2 ** 29, 2 ** 29 - 1024))).length, 1);
});

test('every entry is in exactly one part, and parts keep their bounds', async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 6000 }), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 1, max: 5 }), async (bytes, members) => {
      const entries = entriesOf(...bytes);
      const seen: Entry[] = [];
      let number = 0;
      for await (const part of planParts(entries, { tarBytes: 4096, members })) {
        assert.equal(part.number, ++number);
        assert(part.entries.length >= 1 && part.entries.length <= members);
        const tarBytes = part.entries.reduce(
          (sum, entry) => sum + 512 + Math.ceil(entry.bytes / 512) * 512,
          0,
        );
        assert(tarBytes <= 4096 || part.entries.length === 1);
        seen.push(...part.entries);
      }
      assert.deepEqual(new Set(seen), new Set(entries));
      assert.equal(seen.length, entries.length);
    }),
  );
});

test('limits that no entry fits are a mistake', async () => {
  await assert.rejects(plan([], { tarBytes: 0, members: 1 }), /a part holds something/);
  await assert.rejects(plan([], { tarBytes: 1, members: 0 }), /a part holds something/);
});
