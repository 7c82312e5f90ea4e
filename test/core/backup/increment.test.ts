import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockRuns, parseIncrementHead } from '../../../lib/core/backup/increment.ts';
import { refusal } from '../wal/arbitraries.ts';

const head = (fileBytes: number, pages: number, magic = 'wi1U'): Buffer => {
  const bytes = Buffer.alloc(16);
  bytes.write(magic);
  bytes.writeBigUInt64LE(BigInt(fileBytes), 4);
  bytes.writeUInt32LE(pages, 12);
  return bytes;
};

const memberBytes = (pages: number): number => 16 + pages * 8196;
const damaged = (message: RegExp) => refusal('object-damaged', message);

const numbers = (...blocks: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * blocks.length);
  for (const [index, block] of blocks.entries()) bytes.writeUInt32LE(block, 4 * index);
  return bytes;
};

test("the head of WAL-G's increment says the file's size and how many pages follow", () => {
  assert.deepEqual(parseIncrementHead(head(81920, 3), memberBytes(3)), { fileBytes: 81920, pages: 3 });
  assert.deepEqual(parseIncrementHead(head(0, 0), memberBytes(0)), { fileBytes: 0, pages: 0 });
  const inside = Buffer.concat([Buffer.from('xyz'), head(8192, 1)]).subarray(3);
  assert.deepEqual(parseIncrementHead(inside, memberBytes(1)), { fileBytes: 8192, pages: 1 });
});

test('what is no increment, or not of the size that its pages need, is refused', () => {
  assert.throws(() => parseIncrementHead(head(8192, 1).subarray(0, 15), 15), damaged(/cut short/));
  assert.throws(
    () => parseIncrementHead(head(8192, 1, 'wi2U'), memberBytes(1)),
    damaged(/begin with "wi1U"/),
  );
  assert.throws(() => parseIncrementHead(head(8193, 1), memberBytes(1)), damaged(/file of 8193 bytes/));
  assert.throws(
    () => parseIncrementHead(head(2 ** 35 + 8192, 1), memberBytes(1)),
    damaged(/no number of pages/),
  );
  assert.throws(
    () => parseIncrementHead(head(8192, 1), memberBytes(1) + 1),
    damaged(/has 8213 bytes and should have 8212 for 1 pages/),
  );
  const many = 2 ** 22 + 1;
  assert.throws(() => parseIncrementHead(head(8192, many), memberBytes(many)), damaged(/should have/));
});

test('blocks that follow each other are one run, of a mebibyte at most', () => {
  assert.deepEqual([...blockRuns(numbers())], []);
  assert.deepEqual(
    [...blockRuns(numbers(3, 4, 5, 9, 2, 3))],
    [
      { firstBlock: 3, blocks: 3 },
      { firstBlock: 9, blocks: 1 },
      { firstBlock: 2, blocks: 2 },
    ],
  );
  const long = numbers(...Array.from({ length: 130 }, (_, block) => block));
  assert.deepEqual(
    [...blockRuns(long)],
    [
      { firstBlock: 0, blocks: 128 },
      { firstBlock: 128, blocks: 2 },
    ],
  );
});

test('a block that no file can have is refused', () => {
  assert.deepEqual([...blockRuns(numbers(2 ** 22 - 1))], [{ firstBlock: 2 ** 22 - 1, blocks: 1 }]);
  assert.throws(() => [...blockRuns(numbers(0, 2 ** 22))], damaged(/a page for block 4194304/));
});
