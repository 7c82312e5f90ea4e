import assert from 'node:assert/strict';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseObjectKey } from '../../lib/core/archive/object-key.ts';
import type { ObjectStore } from '../../lib/core/ports.ts';
import { type DirectoryStoreOptions, openDirectoryStore } from '../../lib/local/directory-store.ts';
import { verifyObjectStore } from '../contracts/object-store.ts';

const makeRoot = async (t: TestContext): Promise<string> => {
  const root = await mkdtemp(join(tmpdir(), 'walwarden-store-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  return root;
};

for (const fsync of [true, false]) {
  verifyObjectStore(
    `directory store ${fsync ? 'with' : 'without'} fsync`,
    async (t) => {
      const root = await makeRoot(t);
      await mkdir(join(root, 'wal_005'));
      return openDirectoryStore(root, { fsync });
    },
    { listedObjects: fsync ? 60 : 1200 },
  );
}

const opened = async (t: TestContext, options?: DirectoryStoreOptions) => {
  const root = await makeRoot(t);
  return { root, store: await openDirectoryStore(root, options) };
};

const key = parseObjectKey('wal_005/a');

const listed = async (store: ObjectStore, prefix = ''): Promise<readonly string[]> => {
  const found: string[] = [];
  for await (const entry of store.list(prefix)) found.push('folder' in entry ? entry.folder : entry.key);
  return found;
};

const readAll = async (store: ObjectStore): Promise<void> => {
  const object = await store.open(key);
  assert(object !== undefined, 'it is there');
  for await (const _ of object.content);
};

test('a root that is not there, or is a file, is a mistake in the settings', async (t) => {
  const root = await makeRoot(t);
  await writeFile(join(root, 'file'), '');
  for (const wrong of ['nowhere', 'file', 'file/below']) {
    await assert.rejects(openDirectoryStore(join(root, wrong)), { code: 'store-misconfigured' }, wrong);
  }
});

test('a root reached over a symbolic link is as good as any', async (t) => {
  const root = await makeRoot(t);
  await mkdir(join(root, 'disk'));
  await symlink('disk', join(root, 'link'));
  const store = await openDirectoryStore(join(root, 'link'));
  assert.equal(await store.create(key, Buffer.from('x')), 'created');
  assert.equal(await readFile(join(root, 'disk/wal_005/a'), 'utf8'), 'x');
});

test('an empty root proves no absence, because it may be a mount point without its disk', async (t) => {
  const { store } = await opened(t);
  await assert.rejects(store.stat(key), { code: 'store-unavailable', hint: /mount/ });
  await assert.rejects(store.open(key), { code: 'store-unavailable', hint: /mount/ });
  await assert.rejects(store.remove(key, { version: 'any' }), { code: 'store-unavailable' });
  assert.equal(await store.create(key, Buffer.from('x')), 'created');
  assert.equal(await store.stat(parseObjectKey('wal_005/b')), undefined);
});

test('a root that vanishes makes every call throw, and nothing is made in its place', async (t) => {
  const { root, store } = await opened(t);
  await store.create(key, Buffer.from('x'));
  await rename(root, `${root}-moved`);
  t.after(() => rm(`${root}-moved`, { recursive: true }));
  const isUnavailable = { code: 'store-unavailable', message: /is gone/ };
  await assert.rejects(store.stat(key), isUnavailable);
  await assert.rejects(store.open(key), isUnavailable);
  await assert.rejects(store.create(key, Buffer.from('x')), isUnavailable);
  await assert.rejects(store.replace(key, Buffer.from('x')), isUnavailable);
  await assert.rejects(listed(store), isUnavailable);
  await assert.rejects(stat(root), { code: 'ENOENT' });
});

test('files that are being written are neither listed nor reachable by a key', async (t) => {
  const { root, store } = await opened(t);
  await store.create(key, Buffer.from('x'));
  await writeFile(join(root, 'wal_005/.walwarden-tmp-0123'), 'half');
  assert.deepEqual(await listed(store), ['wal_005/a']);
  assert.deepEqual(await listed(store, 'wal_005/.walwarden-tmp-'), []);
  for (const hidden of ['wal_005/.walwarden-tmp-0123', '.walwarden-tmp-1/x'].map(parseObjectKey)) {
    await assert.rejects(store.stat(hidden), { code: 'key-refused' });
    await assert.rejects(store.create(hidden, Buffer.from('x')), { code: 'key-refused' });
  }
});

test('the directory that ext4 keeps for itself at the root of a disk is no part of the archive', async (t) => {
  const { root, store } = await opened(t);
  await mkdir(join(root, 'lost+found'));
  await writeFile(join(root, 'lost+found/#12'), '');
  assert.deepEqual(await listed(store), []);
});

test('nothing temporary stays behind, whether a creation succeeds, loses or fails', async (t) => {
  const { root, store } = await opened(t);
  const failing = async function* () {
    yield Buffer.from('x');
    throw new Error('broken source');
  };
  const overtaken = async function* () {
    await store.create(key, Buffer.from('x'));
    yield Buffer.from('y');
  };
  assert.equal(await store.create(key, overtaken()), 'exists');
  await assert.rejects(store.create(parseObjectKey('wal_005/b'), failing()), /broken source/);
  await store.replace(parseObjectKey('wal_005/c'), Buffer.from('z'));
  assert.deepEqual((await readdir(join(root, 'wal_005'))).toSorted(), ['a', 'c']);
});

test('a creator who comes second does not read its source, but gives it back', async (t) => {
  const { store } = await opened(t);
  await store.create(key, Buffer.from('x'));
  let [reads, returns] = [0, 0];
  const iterator: AsyncIterator<Uint8Array> = {
    next: async () => {
      reads += 1;
      return { done: true, value: undefined };
    },
    return: async () => {
      returns += 1;
      return { done: true, value: undefined };
    },
  };
  assert.equal(await store.create(key, { [Symbol.asyncIterator]: () => iterator }), 'exists');
  assert.deepEqual({ reads, returns }, { reads: 0, returns: 1 });
});

test('a symbolic link below the root is refused, dangling or not, and never written through', async (t) => {
  const { root, store } = await opened(t);
  const outside = await makeRoot(t);
  await store.create(parseObjectKey('x'), Buffer.from('x'));
  await symlink(outside, join(root, 'wal_005'));
  await symlink(join(outside, 'nowhere'), join(root, 'dangling'));
  await symlink(join(outside, 'file'), join(root, 'object'));
  const isRefused = { code: 'store-misconfigured', hint: /symbolic link/ };
  for (const through of ['wal_005/a', 'dangling/a', 'object'].map(parseObjectKey)) {
    await assert.rejects(store.create(through, Buffer.from('x')), isRefused);
    await assert.rejects(store.replace(through, Buffer.from('x')), isRefused);
    await assert.rejects(store.stat(through), isRefused);
    await assert.rejects(store.open(through), isRefused);
  }
  await assert.rejects(listed(store), isRefused);
  await assert.rejects(listed(store, 'wal_005/'), isRefused);
  assert.deepEqual(await readdir(outside), []);
});

test('a folder is no object, and nothing can be created in its place or below an object', async (t) => {
  const { root, store } = await opened(t);
  await store.create(key, Buffer.from('x'));
  for (const impossible of ['wal_005', 'wal_005/a/b', `wal_005/${'x'.repeat(256)}`].map(parseObjectKey)) {
    await assert.rejects(store.create(impossible, Buffer.from('x')), { code: 'key-refused' }, impossible);
    await assert.rejects(store.replace(impossible, Buffer.from('x')), { code: 'key-refused' }, impossible);
  }
  assert.deepEqual(await readdir(join(root, 'wal_005')), ['a']);
});

test('an object that was cut short behind the store is an error while it is read, never a short stream', async (t) => {
  const { root, store } = await opened(t, { chunkBytes: 1000 });
  await store.create(key, Buffer.alloc(5000));
  const object = await store.open(key);
  assert(object !== undefined, 'it is there');
  const reading = async () => {
    for await (const _ of object.content) await truncate(join(root, key), 1500);
  };
  await assert.rejects(reading(), { code: 'store-unavailable', message: /ended at byte 1500 of 5000/ });
});

test('an object that was replaced after it was opened is an error, never other bytes than its facts', async (t) => {
  const { store } = await opened(t);
  await store.replace(key, Buffer.from('old'));
  const object = await store.open(key);
  await store.replace(key, Buffer.from('new'));
  assert(object !== undefined, 'it was there');
  await assert.rejects(object.content[Symbol.asyncIterator]().next(), { code: 'store-unavailable' });
});

test('an object is read in chunks of the size asked for', async (t) => {
  const { store } = await opened(t, { chunkBytes: 1000 });
  await store.create(key, Buffer.alloc(2500));
  const object = await store.open(key);
  const sizes: number[] = [];
  for await (const chunk of object?.content ?? []) sizes.push(chunk.byteLength);
  assert.deepEqual(sizes, [1000, 1000, 500]);
});

test('the bytes of a database are nobody else’s business', async (t) => {
  const { root, store } = await opened(t);
  await store.create(key, Buffer.from('x'));
  assert.equal((await stat(join(root, key))).mode & 0o007, 0);
  assert.equal((await stat(join(root, 'wal_005'))).mode & 0o007, 0);
});

test('missing rights are told as such', {
  skip: process.getuid?.() === 0 && 'not possible here: root has every right',
}, async (t) => {
  const { root, store } = await opened(t);
  await store.create(key, Buffer.from('x'));
  await chmod(join(root, key), 0);
  await assert.rejects(readAll(store), { code: 'store-denied' });
  await chmod(join(root, 'wal_005'), 0o500);
  t.after(() => chmod(join(root, 'wal_005'), 0o700));
  await assert.rejects(store.create(parseObjectKey('wal_005/b'), Buffer.from('x')), { code: 'store-denied' });
});

test('a folder on another file system than the root is refused, because without its disk it would look empty', {
  skip: process.platform !== 'linux' && 'not possible here: /proc is on Linux only',
}, async () => {
  const store = await openDirectoryStore('/');
  await assert.rejects(store.stat(parseObjectKey('proc/absent')), {
    code: 'store-misconfigured',
    message: /another file system/,
  });
});
