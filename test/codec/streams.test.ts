import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { collect, mapInOrder, readingBytes, rechunk, withDigest } from '../../lib/codec/streams.ts';
import { inPieces } from './pieces.ts';

test('blocks are exact, in order, and the last one is the rest', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 40 })),
      fc.integer({ min: 1, max: 50 }),
      async (chunks, size) => {
        const source = async function* () {
          yield* chunks;
        };
        const blocks: Buffer[] = [];
        for await (const block of rechunk(source(), size)) blocks.push(block);
        assert.deepEqual(Buffer.concat(blocks), Buffer.concat(chunks));
        assert(
          blocks.slice(0, -1).every((block) => block.length === size),
          'all but the last are full',
        );
        assert(
          blocks.every((block) => block.length > 0),
          'none is empty',
        );
      },
    ),
  );
});

test('blocks do not change when the source uses its buffer again', async () => {
  const buffer = Buffer.alloc(4);
  const source = async function* () {
    for (let round = 1; round <= 3; round += 1) yield buffer.fill(round);
  };
  const blocks: string[] = [];
  for await (const block of rechunk(source(), 6)) blocks.push(block.toString('hex'));
  assert.deepEqual(blocks, ['010101010202', '020203030303']);
});

test('work in order never has more under way than its limit, and keeps the order', async () => {
  let [underWay, most] = [0, 0];
  const items = async function* () {
    for (let item = 0; item < 20; item += 1) yield item;
  };
  const results: number[] = [];
  const work = async (item: number) => {
    underWay += 1;
    most = Math.max(most, underWay);
    for (let turn = 20 - item; turn > 0; turn -= 1) await undefined;
    underWay -= 1;
    return item * 10;
  };
  for await (const result of mapInOrder(items(), 4, work)) results.push(result);
  assert.deepEqual(
    results,
    Array.from({ length: 20 }, (_, item) => item * 10),
  );
  assert.equal(most, 4);
});

test('work in order fails with the first failure in order, and no failure goes unhandled', async () => {
  const items = async function* () {
    yield* [0, 1, 2, 3];
  };
  const work = async (item: number) => {
    if (item > 0) throw new Error(`item ${item}`);
    return item;
  };
  const results: number[] = [];
  const all = async () => {
    for await (const result of mapInOrder(items(), 4, work)) results.push(result);
  };
  await assert.rejects(all(), /item 1/);
  assert.deepEqual(results, [0]);
});

test('a reader takes exact lengths over any pieces, and less only at the end', async () => {
  const bytes = Buffer.from('0123456789');
  for (const pieceBytes of [1, 3, 10]) {
    const taken: string[] = [];
    await collect(
      readingBytes(inPieces(bytes, pieceBytes), async function* (reader) {
        for (const length of [0, 4, 5, 7, 1]) taken.push(Buffer.from(await reader.take(length)).toString());
        assert.equal(reader.position(), 10);
        yield bytes;
      }),
    );
    assert.deepEqual(taken, ['', '0123', '45678', '9', '']);
  }
});

test('a digest is that of the bytes that went by, and is not told before the end', async () => {
  const bytes = Buffer.from('some bytes that go by');
  const { stream, result } = withDigest(inPieces(bytes, 5));
  assert.throws(result, /only after its end/);
  assert.deepEqual(await collect(stream), bytes);
  assert.deepEqual(result(), { streamBytes: 21, sha256: createHash('sha256').update(bytes).digest('hex') });
});
