import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { isReachableBy, isReadableBy } from './cluster-user.ts';
import { stagedPaths, stageRoot } from './staging.ts';
import { temporaryDirectory } from './temporary.ts';

// What is written here is open to others unless a test closes it, whatever the caller's umask says.
process.umask(0o022);

/** Somebody else, whoever we are. */
const strangerId = process.getuid?.() === 65534 ? 65533 : 65534;
const stranger = { uid: strangerId, gid: strangerId };
const platform = `${process.platform}-${process.arch}`;

/** A tiny checkout: what matters is which paths there are, what they may be used for, and the links among them. */
const writeCheckout = (root: string): void => {
  const files: Readonly<Record<string, string>> = {
    'package.json': '{"dependencies":{"direct":"1"}}',
    'agent/walwarden': '#!/bin/sh\necho "agent says $1"\n',
    'lib/core/secret.ts': 'export {};\n',
    'docs/unused.md': 'not staged\n',
    'node_modules/direct/package.json':
      '{"dependencies":{"indirect":"1"},"optionalDependencies":{"absent":"1"}}',
    'node_modules/indirect/package.json': '{"dependencies":{"direct":"1"}}',
    'node_modules/unrelated/package.json': '{}',
    [`node_modules/pg17-${platform}/native/bin/postgres`]: '#!/bin/sh\n',
    [`node_modules/pg17-${platform}/native/lib/libpq.so.5.17`]: 'library\n',
    [`node_modules/node-${platform}/bin/node`]: '#!/bin/sh\n',
    [`node_modules/node-${platform}/include/node.h`]: 'header\n',
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
    if (content.startsWith('#!')) chmodSync(join(root, path), 0o755);
  }
  mkdirSync(join(root, 'node_modules', '.bin'));
  symlinkSync(`../node-${platform}/bin/node`, join(root, 'node_modules', '.bin', 'node'));
  symlinkSync('libpq.so.5.17', join(root, `node_modules/pg17-${platform}/native/lib/libpq.so.5`));
};

const closeEverything = (root: string): void => {
  const { status } = spawnSync('chmod', ['-R', 'go-rwx', root]);
  assert.equal(status, 0);
};

test('a checkout that everybody can read is used where it lies', (t) => {
  const root = temporaryDirectory(t);
  writeCheckout(root);
  const staged = stageRoot(root, stranger, () => assert.fail('nothing is staged'));
  assert.equal(staged, root);
});

test('a checkout below a directory closed to others is staged, with nothing that is not needed', (t) => {
  const closed = temporaryDirectory(t);
  const root = join(closed, 'checkout');
  writeCheckout(root);
  chmodSync(closed, 0o700);
  assert.equal(isReachableBy(join(root, 'x'), stranger), false);

  const target = temporaryDirectory(t);
  assert.equal(
    stageRoot(root, stranger, () => target),
    target,
  );
  assert.deepEqual([...stagedPaths(target)].sort(), [...stagedPaths(root)].sort());
  for (const unneeded of ['docs', 'node_modules/unrelated', `node_modules/node-${platform}/include`]) {
    assert.equal(existsSync(join(target, unneeded)), false, `${unneeded} is not staged`);
  }
  const library = join(target, `node_modules/pg17-${platform}/native/lib/libpq.so.5`);
  assert.equal(readFileSync(library, 'utf8'), 'library\n');
});

test('files made with umask 077 are staged as copies that everybody can read and run', (t) => {
  const root = join(temporaryDirectory(t), 'checkout');
  writeCheckout(root);
  closeEverything(root);

  const target = stageRoot(root, stranger, () => temporaryDirectory(t));
  assert.notEqual(target, root);
  assert(stagedPaths(target).every((path) => isReadableBy(join(target, path), stranger)));
  assert.equal(isReadableBy(join(root, 'lib'), stranger), false, 'the original stays as closed as it was');
});

test('one closed file among open ones is enough to stage', (t) => {
  const root = temporaryDirectory(t);
  writeCheckout(root);
  chmodSync(join(root, 'lib', 'core', 'secret.ts'), 0o600);
  assert.notEqual(
    stageRoot(root, stranger, () => temporaryDirectory(t)),
    root,
  );
});

// Only root can become another user.
if (process.getuid?.() === 0) {
  test('the other user really runs what was staged', (t) => {
    const closed = temporaryDirectory(t);
    const root = join(closed, 'checkout');
    writeCheckout(root);
    closeEverything(closed);
    const target = stageRoot(root, stranger, () => temporaryDirectory(t));
    const run = (from: string) =>
      spawnSync(join(from, 'agent', 'walwarden'), ['hello'], { ...stranger, cwd: '/', encoding: 'utf8' });
    assert.equal(run(target).stdout, 'agent says hello\n');
    assert.notEqual(run(root).error, undefined, 'and could not run the original');
  });
}
