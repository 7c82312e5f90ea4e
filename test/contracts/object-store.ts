import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { parseObjectKey } from '../../lib/core/archive/object-key.ts';
import { isPipelineError } from '../../lib/core/errors.ts';
import type { ListEntry, ObjectKey, ObjectStore } from '../../lib/core/ports.ts';

/** A store of one test's own, over an archive without objects in which absence can be proven. */
export type OpenStore = (t: TestContext) => Promise<ObjectStore>;

export type ContractOptions = {
  /** How many objects the test of long listings makes; more than one page of the store. */
  readonly listedObjects?: number;
};

const key = parseObjectKey;
const text = (body: string): Uint8Array => new TextEncoder().encode(body);

/** Not from a parser: a store must not trust that keys come from one. */
const unchecked = (from: string): ObjectKey => from as ObjectKey;

const read = async (
  store: ObjectStore,
  from: string,
  range?: { start: number; end?: number },
): Promise<string> => {
  const object = await store.open(key(from), range === undefined ? {} : { range });
  assert(object !== undefined, `${from} is there`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of object.content) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
};

const listed = async (entries: AsyncIterable<ListEntry>): Promise<readonly string[]> => {
  const found: string[] = [];
  for await (const entry of entries) found.push('folder' in entry ? entry.folder : entry.key);
  return found;
};

const fill = async (store: ObjectStore, keys: readonly string[]): Promise<void> => {
  for (const each of keys) assert.equal(await store.create(key(each), text(each)), 'created');
};

const byteOrder = (keys: readonly string[]): readonly string[] =>
  keys.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));

async function* streamed(...chunks: readonly string[]) {
  for (const chunk of chunks) yield text(chunk);
}

/** Registers what ObjectStore promises (lib/core/ports.ts) as tests of the store that `open` opens. */
export const verifyObjectStore = (name: string, open: OpenStore, options: ContractOptions = {}): void => {
  const contract = (
    behaviour: string,
    check: (store: ObjectStore, t: TestContext) => Promise<void>,
  ): void => {
    test(`${name}: ${behaviour}`, async (t) => {
      const store = await open(t);
      try {
        await check(store, t);
      } finally {
        await store.close();
      }
    });
  };
  verifyCreate(contract);
  verifyFailedCreate(contract);
  verifyReading(contract);
  verifyListing(contract, options.listedObjects ?? 1200);
  verifyChanging(contract);
  verifyKeys(contract);
};

type Contract = (behaviour: string, check: (store: ObjectStore, t: TestContext) => Promise<void>) => void;

const verifyCreate = (contract: Contract): void => {
  contract('a created object is read back whole, with its facts', async (store) => {
    assert.equal(await store.create(key('wal_005/a'), text('bytes')), 'created');
    const object = await store.open(key('wal_005/a'));
    assert.equal(object?.facts.key, 'wal_005/a');
    assert.equal(object.facts.objectBytes, 5);
    assert(!Number.isNaN(object.facts.modifiedAt.getTime()), 'it has a time');
    assert.deepEqual(await store.stat(key('wal_005/a')), object.facts);
    assert.equal(await read(store, 'wal_005/a'), 'bytes');
  });

  contract('a second creator is told that the object exists, and changes nothing', async (store) => {
    await fill(store, ['wal_005/a']);
    const before = await store.stat(key('wal_005/a'));
    assert.equal(await store.create(key('wal_005/a'), text('other')), 'exists');
    assert.equal(await store.create(key('wal_005/a'), streamed('an', 'other')), 'exists');
    assert.equal(await read(store, 'wal_005/a'), 'wal_005/a');
    assert.deepEqual(await store.stat(key('wal_005/a')), before);
  });

  contract('of many creators at once exactly one creates, and its bytes are the ones kept', async (store) => {
    const bodies = Array.from({ length: 8 }, (_, index) => `creator ${index} `.repeat(1000));
    const outcomes = await Promise.all(
      bodies.map((body) => store.create(key('w/raced'), streamed(body, body))),
    );
    assert.deepEqual(outcomes.toSorted(), ['created', ...Array.from({ length: 7 }, () => 'exists')]);
    const winner = bodies[outcomes.indexOf('created')];
    assert.equal(await read(store, 'w/raced'), `${winner}${winner}`);
    assert.deepEqual(await listed(store.list('')), ['w/raced']);
  });

  contract(
    'a creator that was overtaken while it streamed is told so, and changes nothing',
    async (store) => {
      const overtaken = async function* () {
        yield text('slow ');
        assert.equal(await store.create(key('w/x'), text('fast')), 'created');
        yield text('creator');
      };
      assert.equal(await store.create(key('w/x'), overtaken()), 'exists');
      assert.equal(await read(store, 'w/x'), 'fast');
      assert.deepEqual(await listed(store.list('')), ['w/x']);
    },
  );

  contract('an object without bytes exists', async (store) => {
    assert.equal(await store.create(key('w/empty'), new Uint8Array(0)), 'created');
    assert.equal(await store.create(key('w/empty-stream'), streamed()), 'created');
    assert.equal((await store.stat(key('w/empty')))?.objectBytes, 0);
    assert.equal(await read(store, 'w/empty'), '');
    assert.equal(await read(store, 'w/empty-stream'), '');
    assert.equal(await store.create(key('w/empty'), text('now with bytes')), 'exists');
  });

  contract('a stream of many megabytes and odd pieces arrives as it was', async (store) => {
    const sent = createHash('sha256');
    let sentBytes = 0;
    const body = async function* () {
      for (let index = 0; sentBytes < 12 * 1024 * 1024; index += 1) {
        const chunk = Buffer.alloc(1 + ((index * 7919) % 300_000), index);
        sent.update(chunk);
        sentBytes += chunk.byteLength;
        yield chunk;
      }
    };
    assert.equal(await store.create(key('b/part_001.tar'), body()), 'created');
    const object = await store.open(key('b/part_001.tar'));
    assert.equal(object?.facts.objectBytes, sentBytes);
    const received = createHash('sha256');
    for await (const chunk of object.content) received.update(chunk);
    assert.equal(received.digest('hex'), sent.digest('hex'));
  });

  contract('an object is not seen before its creation has ended', async (store) => {
    const body = async function* () {
      yield Buffer.alloc(6 * 1024 * 1024, 1);
      assert.equal(await store.stat(key('w/half')), undefined);
      assert.equal(await store.open(key('w/half')), undefined);
      assert.deepEqual(await listed(store.list('')), []);
      yield text('end');
    };
    assert.equal(await store.create(key('w/half'), body()), 'created');
    assert.deepEqual(await listed(store.list('')), ['w/half']);
  });
};

const verifyFailedCreate = (contract: Contract): void => {
  const nothingIsLeft = async (store: ObjectStore): Promise<void> => {
    assert.equal(await store.stat(key('w/x')), undefined);
    assert.equal(await store.open(key('w/x')), undefined);
    assert.deepEqual(await listed(store.list('')), []);
    assert.equal(await store.create(key('w/x'), text('next')), 'created');
  };

  for (const [size, bytes] of [
    ['at once', 0],
    ['after some bytes', 1000],
    ['after many megabytes', 11 * 1024 * 1024],
  ] as const) {
    contract(`a source that throws ${size} leaves nothing, and its own error is seen`, async (store) => {
      const failure = new RangeError('the disk of the source is broken');
      const body = async function* () {
        if (bytes > 0) yield Buffer.alloc(bytes);
        throw failure;
      };
      await assert.rejects(store.create(key('w/x'), body()), (thrown) => thrown === failure);
      await nothingIsLeft(store);
    });
  }

  contract('an abort before the begin leaves nothing, and its reason is seen', async (store) => {
    const reason = new Error('told to stop');
    const call = { signal: AbortSignal.abort(reason) };
    await assert.rejects(store.create(key('w/x'), text('bytes'), call), (thrown) => thrown === reason);
    await nothingIsLeft(store);
  });

  contract('an abort while the source keeps the store waiting leaves nothing', async (store) => {
    const reason = new Error('told to stop');
    const controller = new AbortController();
    const body = async function* () {
      yield text('some bytes');
      controller.abort(reason);
      await new Promise(() => undefined);
    };
    const creation = store.create(key('w/x'), body(), { signal: controller.signal });
    await assert.rejects(creation, (thrown) => thrown === reason);
    await nothingIsLeft(store);
  });

  contract('every call on an aborted signal throws its reason', async (store) => {
    await fill(store, ['w/x']);
    const reason = new Error('told to stop');
    const call = { signal: AbortSignal.abort(reason) };
    const isReason = (thrown: unknown) => thrown === reason;
    await assert.rejects(store.stat(key('w/x'), call), isReason);
    await assert.rejects(store.open(key('w/x'), call), isReason);
    await assert.rejects(listed(store.list('', call)), isReason);
    await assert.rejects(store.replace(key('w/x'), text('other'), call), isReason);
    await assert.rejects(store.remove(key('w/x'), { version: 'any' }, call), isReason);
    assert.equal(await read(store, 'w/x'), 'w/x');
  });
};

const verifyReading = (contract: Contract): void => {
  contract('an absent object is undefined, also below and above existing ones', async (store) => {
    assert.equal(await store.open(key('w/absent')), undefined);
    assert.equal(await store.stat(key('w/absent')), undefined);
    await fill(store, ['w/folder/object']);
    for (const absent of ['w', 'w/folder', 'w/folder/obj', 'w/folder/object.lz4', 'w/folder/object/below']) {
      assert.equal(await store.open(key(absent)), undefined, absent);
      assert.equal(await store.stat(key(absent)), undefined, absent);
    }
  });

  contract('a range is read without the rest, cut at the end of the object', async (store) => {
    await store.create(key('w/x'), text('0123456789'));
    assert.equal(await read(store, 'w/x', { start: 0, end: 4 }), '0123');
    assert.equal(await read(store, 'w/x', { start: 3, end: 4 }), '3');
    assert.equal(await read(store, 'w/x', { start: 7 }), '789');
    assert.equal(await read(store, 'w/x', { start: 7, end: 99 }), '789');
    const object = await store.open(key('w/x'), { range: { start: 2, end: 3 } });
    assert.equal(object?.facts.objectBytes, 10, 'the facts are those of the whole object');
    for await (const _ of object.content);
  });

  contract('a reader may leave early, or not begin', async (store) => {
    await store.create(key('w/x'), Buffer.alloc(6 * 1024 * 1024));
    for (let round = 0; round < 20; round += 1) {
      const object = await store.open(key('w/x'));
      assert(object !== undefined, 'it is there');
      if (round % 2 === 0) for await (const _ of object.content) break;
    }
    assert.equal((await store.stat(key('w/x')))?.objectBytes, 6 * 1024 * 1024);
  });

  contract('an abort while reading throws its reason', async (store) => {
    await store.create(key('w/x'), Buffer.alloc(12 * 1024 * 1024));
    const controller = new AbortController();
    const reason = new Error('told to stop');
    const object = await store.open(key('w/x'), { signal: controller.signal });
    assert(object !== undefined, 'it is there');
    const reading = async () => {
      for await (const _ of object.content) controller.abort(reason);
    };
    await assert.rejects(reading(), (thrown) => thrown === reason);
  });
};

const verifyListing = (contract: Contract, listedObjects: number): void => {
  // Chosen so that the order of keys is neither that of their folders nor that of UTF-16 code units.
  const mixed = [
    'a',
    'a-',
    'a.b/c',
    'a0',
    'b/a/x',
    'b/a.x',
    'b/a/y/z',
    'b/ab',
    'c/\uff5e',
    'c/\u{1f418}',
    'c/é',
    'd',
  ];
  const keys = mixed.map((each) => `w/${each}`);

  contract('a listing is in the order of the bytes of the keys', async (store) => {
    await fill(store, keys);
    assert.deepEqual(await listed(store.list('')), byteOrder(keys));
  });

  contract('the facts in a listing are those that stat tells', async (store) => {
    await fill(store, ['w/a', 'w/b']);
    for await (const entry of store.list('w/')) {
      assert(!('folder' in entry), 'without a delimiter there are no folders');
      assert.deepEqual({ ...entry }, await store.stat(entry.key));
    }
  });

  contract('a prefix is compared as text', async (store) => {
    await fill(store, keys);
    for (const prefix of ['w', 'w/', 'w/a', 'w/b/a', 'w/b/a/', 'w/b/a/y', 'w/c/', 'w/nothing', 'w/a/', 'x']) {
      const expected = byteOrder(keys.filter((each) => each.startsWith(prefix)));
      assert.deepEqual(await listed(store.list(prefix)), expected, prefix);
    }
  });

  contract('a listing begins after startAfter, which need not exist', async (store) => {
    await fill(store, keys);
    const marks = [
      ...keys,
      '',
      'w/',
      'w/b',
      'w/b/',
      'w/b/a',
      'w/b/a/',
      'w/b/a/y/',
      'w/b/a/zz',
      'w/b0',
      'w/c/\uffff',
      'z',
    ];
    for (const startAfter of marks) {
      const isAfter = (each: string) => Buffer.compare(Buffer.from(each), Buffer.from(startAfter)) > 0;
      assert.deepEqual(
        await listed(store.list('', { startAfter })),
        byteOrder(keys.filter(isAfter)),
        startAfter,
      );
      const within = keys.filter((each) => each.startsWith('w/b/') && isAfter(each));
      assert.deepEqual(await listed(store.list('w/b/', { startAfter })), byteOrder(within), startAfter);
    }
  });

  contract('with a delimiter, folders stand in their place among the keys', async (store) => {
    await fill(store, keys);
    const at = (prefix: string) => listed(store.list(prefix, { delimiter: '/' }));
    assert.deepEqual(await at(''), ['w/']);
    assert.deepEqual(await at('w/'), byteOrder(['w/a', 'w/a-', 'w/a.b/', 'w/a0', 'w/b/', 'w/c/', 'w/d']));
    assert.deepEqual(await at('w/b/a'), byteOrder(['w/b/a.x', 'w/b/a/', 'w/b/ab']));
    assert.deepEqual(await at('w/b'), ['w/b/']);
    assert.deepEqual(await at('w/b/a/y/z'), ['w/b/a/y/z']);
    assert.deepEqual(await at('nothing/'), []);
  });

  contract('a folder without a key after startAfter is left out', async (store) => {
    await fill(store, keys);
    const after = (startAfter: string) => listed(store.list('w/', { delimiter: '/', startAfter }));
    assert.deepEqual(await after('w/b/zz'), ['w/c/', 'w/d']);
    assert.deepEqual(await after('w/c/zz'), ['w/c/', 'w/d']);
    assert.deepEqual(await after('w/d'), []);
  });

  contract('an archive without objects lists nothing', async (store) => {
    assert.deepEqual(await listed(store.list('')), []);
    assert.deepEqual(await listed(store.list('w/', { delimiter: '/' })), []);
  });

  contract('prefixes that no key can begin with list nothing', async (store) => {
    await fill(store, ['w/a']);
    for (const prefix of ['/', '../', 'w/../', 'w//', './']) {
      assert.deepEqual(await listed(store.list(prefix)), [], prefix);
    }
  });

  contract(`a listing of ${listedObjects} objects is whole and in order`, async (store) => {
    const many = Array.from(
      { length: listedObjects },
      (_, index) => `w/${index.toString(16).padStart(8, '0')}`,
    );
    for (let at = 0; at < many.length; at += 25) {
      await Promise.all(many.slice(at, at + 25).map((each) => store.create(key(each), text('x'))));
    }
    assert.deepEqual(await listed(store.list('w/')), many);
    const middle = many[Math.floor(many.length / 2)] ?? '';
    assert.deepEqual(
      await listed(store.list('w/', { startAfter: middle })),
      many.slice(many.indexOf(middle) + 1),
    );
  });

  contract('a listing may be left early', async (store) => {
    await fill(store, ['w/a', 'w/b', 'w/c']);
    for await (const entry of store.list('')) {
      assert.equal('key' in entry ? entry.key : entry.folder, 'w/a');
      break;
    }
  });
};

const verifyChanging = (contract: Contract): void => {
  contract('replace writes a new object and a new version over an old one', async (store) => {
    await store.replace(key('b/metadata.json'), text('first'));
    const first = await store.stat(key('b/metadata.json'));
    assert.equal(await read(store, 'b/metadata.json'), 'first');
    await store.replace(key('b/metadata.json'), text('other'));
    const second = await store.stat(key('b/metadata.json'));
    assert.equal(await read(store, 'b/metadata.json'), 'other');
    assert.notEqual(first?.version, second?.version);
    assert.equal(await store.create(key('b/metadata.json'), text('third')), 'exists');
    assert.deepEqual(await listed(store.list('')), ['b/metadata.json']);
  });

  contract('whoever reads while an object is replaced never reads a mixture', async (store) => {
    const [first, second] = ['1'.repeat(3_000_000), '2'.repeat(3_000_000)];
    await store.replace(key('b/doc'), text(first));
    const object = await store.open(key('b/doc'));
    assert(object !== undefined, 'it is there');
    const chunks: Uint8Array[] = [];
    try {
      for await (const chunk of object.content) {
        if (chunks.length === 0) await store.replace(key('b/doc'), text(second));
        chunks.push(chunk);
      }
      assert.equal(Buffer.concat(chunks).toString(), first);
    } catch (error) {
      assert(isPipelineError(error, 'store-unavailable'), 'it is the old object or no object');
    }
    assert.equal(await read(store, 'b/doc'), second);
  });

  contract('remove takes away the version that was seen', async (store) => {
    await fill(store, ['w/a', 'w/b']);
    const seen = await store.stat(key('w/a'));
    assert.equal(await store.remove(key('w/a'), { version: seen?.version ?? '' }), 'removed');
    assert.equal(await store.stat(key('w/a')), undefined);
    assert.equal(await store.open(key('w/a')), undefined);
    assert.deepEqual(await listed(store.list('')), ['w/b']);
    assert.equal(await store.remove(key('w/a'), { version: seen?.version ?? '' }), 'absent');
    assert.equal(await store.create(key('w/a'), text('again')), 'created');
  });

  contract('remove leaves a version that nobody has seen', async (store) => {
    await store.replace(key('w/a'), text('seen'));
    const seen = await store.stat(key('w/a'));
    await store.replace(key('w/a'), text('new'));
    assert.equal(await store.remove(key('w/a'), { version: seen?.version ?? '' }), 'changed');
    assert.equal(await read(store, 'w/a'), 'new');
  });

  contract('remove of what never was is absent', async (store) => {
    assert.equal(await store.remove(key('w/never'), { version: 'any' }), 'absent');
  });

  contract('the last object gone, the archive still proves absence', async (store) => {
    await fill(store, ['w/a']);
    const seen = await store.stat(key('w/a'));
    assert.equal(await store.remove(key('w/a'), { version: seen?.version ?? '' }), 'removed');
    assert.equal(await store.stat(key('w/a')), undefined);
    assert.deepEqual(await listed(store.list('')), []);
  });
};

const verifyKeys = (contract: Contract): void => {
  const hostile = [
    '',
    '/',
    '/etc/passwd',
    '..',
    '../x',
    'w/../../x',
    'w/..',
    'w//x',
    'w/',
    '.',
    './x',
    'w\0x',
    'x'.repeat(1025),
  ];

  contract('a key that would leave the archive is refused by every call', async (store) => {
    const isRefused = (thrown: unknown) => isPipelineError(thrown, 'key-refused');
    for (const each of hostile.map(unchecked)) {
      const what = JSON.stringify(each.slice(0, 20));
      await assert.rejects(store.create(each, text('x')), isRefused, `create ${what}`);
      await assert.rejects(store.replace(each, text('x')), isRefused, `replace ${what}`);
      await assert.rejects(store.open(each), isRefused, `open ${what}`);
      await assert.rejects(store.stat(each), isRefused, `stat ${what}`);
      await assert.rejects(store.remove(each, { version: 'any' }), isRefused, `remove ${what}`);
    }
    assert.deepEqual(await listed(store.list('')), []);
  });

  contract('keys with unusual but harmless characters are kept as they are', async (store) => {
    const keys = ['w/with space', 'w/a+b', 'w/%2e%2e', 'w/..a', 'w/a..', 'w/ä~日本', "w/q'&<>?#"];
    await fill(store, keys);
    assert.deepEqual(await listed(store.list('')), byteOrder(keys));
    for (const each of keys) assert.equal((await store.stat(key(each)))?.key, each);
    assert.equal(await read(store, 'w/a+b'), 'w/a+b');
  });

  contract('a location names the place and close may be called twice', async (store) => {
    assert.match(store.location, /^[a-z0-9]+:/);
    await store.close();
  });
};
