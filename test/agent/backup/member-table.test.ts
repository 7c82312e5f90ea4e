import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memberMarks, memberTable } from '../../../agent/backup/member-table.ts';

const pathOf = (number: number): string => `base/${number % 7}/${number}`;

test('every path has its own number, in order, however many there are', () => {
  const table = memberTable();
  const marks = memberMarks();
  for (let number = 0; number < 20_000; number += 1) {
    assert.equal(table.add(pathOf(number)), number);
    marks.set(number, number % 5);
  }
  assert.equal(table.size(), 20_000);
  for (let number = 0; number < 20_000; number += 1) {
    assert.equal(table.find(pathOf(number)), number);
    assert.equal(marks.get(number), number % 5);
  }
});

test('a path that is there is not added again, and one that is not is not found', () => {
  const table = memberTable();
  assert.equal(table.find('base'), undefined);
  assert.equal(table.add('base'), 0);
  assert.equal(table.add('base'), undefined);
  assert.equal(table.add('Base'), 1);
  assert.equal(table.find('base/'), undefined);
  assert.equal(table.size(), 2);
});

test('a mark that was never set is 0, also far behind the last one', () => {
  const marks = memberMarks();
  marks.set(5000, 3);
  assert.deepEqual([marks.get(0), marks.get(4999), marks.get(5000), marks.get(1_000_000)], [0, 0, 3, 0]);
});
