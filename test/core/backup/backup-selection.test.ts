import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  findBackup,
  latestBackup,
  type SelectableBackup,
} from '../../../lib/core/backup/backup-selection.ts';
import { lsnOf } from '../../../lib/core/wal/lsn.ts';
import { refusal } from '../wal/arbitraries.ts';

const backup = (digit: string, over: Partial<SelectableBackup> = {}): SelectableBackup => ({
  name: `base_00000001000000000000000${digit}`,
  isComplete: true,
  startedAt: new Date(`2026-11-0${digit}T00:00:00Z`),
  startLsn: lsnOf(BigInt(digit) << 24n),
  ...over,
});

const [one, two, three] = [backup('1'), backup('2'), backup('3')];

test('the latest backup is the one that started last, wherever it stands in the list', () => {
  assert.equal(latestBackup([one, three, two]), three);
  assert.equal(latestBackup([]), undefined);
});

test('a backup on an older place of the WAL is the latest when it started later', () => {
  const reset = backup('1', { startedAt: new Date('2026-12-01T00:00:00Z') });
  assert.equal(latestBackup([three, reset]), reset);
});

test('an incomplete backup is never the latest', () => {
  assert.equal(latestBackup([one, { ...three, isComplete: false }]), one);
  assert.equal(latestBackup([{ ...three, isComplete: false }]), undefined);
});

test('of backups that started at one moment the one further in the WAL is the latest', () => {
  const twin = { ...two, startedAt: one.startedAt };
  assert.equal(latestBackup([one, twin]), twin);
  assert.equal(latestBackup([twin, one]), twin);
  assert.equal(latestBackup([one, { ...one }]), one);
});

test('backups without times are older than those with, and ordered by their place', () => {
  const oldOne = backup('8', { startedAt: undefined });
  const oldTwo = backup('9', { startedAt: undefined });
  const placeless = backup('7', { startedAt: undefined, startLsn: undefined });
  assert.equal(latestBackup([oldOne, one, oldTwo]), one);
  assert.equal(latestBackup([placeless, oldOne, oldTwo, placeless]), oldTwo);
});

test('a backup is found as LATEST, by its name, and by a begin that only it has', () => {
  const all = [one, two, three];
  assert.equal(findBackup(all, 'LATEST'), three);
  assert.equal(findBackup(all, two.name), two);
  assert.equal(findBackup([two], 'base_0000'), two);
});

test('a whole name is meant even where others begin with it', () => {
  const delta = backup('2', { name: `${one.name}_D_000000010000000000000000` });
  assert.equal(findBackup([delta, one], one.name), one);
});

test('what is not there is said, with what is there', () => {
  const incomplete = { ...three, isComplete: false };
  const absent = (message: RegExp) => refusal('backup-absent', message);
  assert.throws(() => findBackup([], 'LATEST'), absent(/no complete base backup/));
  assert.throws(() => findBackup([one], ''), absent(/no complete base backup ""/));
  assert.throws(() => findBackup([one, incomplete], incomplete.name), absent(/its sentinel is missing/));
  assert.throws(() => findBackup([one], 'latest'), {
    ...absent(/no complete base backup "latest"/),
    hint: `Complete backups, newest first: ${one.name}.`,
  });
  assert.throws(() => findBackup([incomplete], 'x'), {
    ...absent(/./),
    hint: 'The archive holds no complete base backup; "walwarden backup-push" makes one.',
  });
});

test('a begin that fits several is refused with their names, newest first and not all of many', () => {
  assert.throws(() => findBackup([one, three, two], 'base_'), {
    ...refusal('backup-absent', /fits 3 base backups/),
    hint: `Say which one: ${three.name}, ${two.name}, ${one.name}.`,
  });
  const many = Array.from({ length: 8 }, (_, index) => backup(String(index + 1)));
  assert.throws(() => findBackup(many, 'base_'), {
    hint: /^Say which one: (base_[0-9]+(, )?){5} and 3 more\.$/,
  });
});

test('an incomplete backup does not make a begin ambiguous', () => {
  assert.equal(findBackup([one, { ...two, isComplete: false }], 'base_'), one);
});
