import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { decompress } from '../../lib/codec/codec.ts';
import { collect } from '../../lib/codec/streams.ts';
import type { AgentResult } from '../support/agent.ts';
import type { Fault, SeenRequest } from '../support/fault-proxy.ts';
import type { S3Server } from '../support/s3-server.ts';
import { describeRequest, type FaultyArchive, onS3, openFaultyArchive } from '../support/s3-test-archive.ts';
import { ourSystem, type WalPlace, walPlace, walSegment } from '../support/wal-files.ts';

const first = '000000010000000000000001';
const second = '000000010000000000000002';
const key = `wal_005/${second}.lz4`;
const content = walSegment({ name: second });

/** What bounds a command here, so that a hang ends soon: seconds to wait for a connection, one request, the command. */
const impatient = {
  WALWARDEN_S3_STALL_SECONDS: '1',
  WALWARDEN_S3_REQUEST_TIMEOUT_SECONDS: '4',
  WALWARDEN_WAL_DEADLINE_SECONDS: '6',
};
const boundSeconds = 6 + 5 + 4;

type Trouble = readonly [what: string, fault: Fault];

const both: readonly Trouble[] = [
  ['an internal error', { kind: 'answer', status: 500, code: 'InternalError' }],
  ['an error without a body', { kind: 'answer', status: 502 }],
  ['a request to slow down', { kind: 'answer', status: 503, code: 'SlowDown' }],
  ['a broken connection', { kind: 'reset' }],
  ['a lost answer', { kind: 'lose answer' }],
  ['no answer', { kind: 'hang' }],
  ['a slow answer', { kind: 'slow', pieceBytes: 100_000, pauseMs: 60 }],
  ['a second delivery', { kind: 'twice' }],
];
const ofPushes: readonly Trouble[] = [
  ['a body cut at its begin', { kind: 'cut request', afterBytes: 1 }],
  ['a body cut in its middle', { kind: 'cut request', afterBytes: 500_000 }],
  ['a lost race', { kind: 'answer', status: 409, code: 'ConditionalRequestConflict' }],
];
const ofFetches: readonly Trouble[] = [
  ['a body cut at its begin', { kind: 'cut', afterBytes: 1 }],
  ['a body cut in its middle', { kind: 'cut', afterBytes: 500_000 }],
  ['a body that stops coming', { kind: 'stall', afterBytes: 500_000 }],
];
/** What does not heal by itself, with the status of a push and what the operator is told. */
const lasting: readonly (readonly [...Trouble, status: number, told: RegExp])[] = [
  ['denial', { kind: 'answer', status: 403, code: 'AccessDenied' }, 35, /Grant s3:(Put|Get)Object/],
  ['an expired token', { kind: 'answer', status: 400, code: 'ExpiredToken' }, 35, /renew them/],
  ['a clock that is off', { kind: 'answer', status: 403, code: 'RequestTimeTooSkewed' }, 36, /NTP/],
  ['an internal error', { kind: 'answer', status: 500, code: 'InternalError' }, 34, /InternalError/],
  ['broken connections', { kind: 'reset' }, 34, /ECONNRESET|hang up/],
];

const isMeant = (request: SeenRequest): boolean => describeRequest(request).endsWith(key);

/** Lets the next request on the file go wrong, and tells whether that has come to pass. */
const once = (archive: FaultyArchive, fault: Fault): (() => boolean) => {
  let isDone = false;
  archive.proxy.inject((request) => {
    if (isDone || !isMeant(request)) return undefined;
    isDone = true;
    return fault;
  });
  return () => isDone;
};

const always = (archive: FaultyArchive, fault: Fault): void =>
  archive.proxy.inject((request) => (isMeant(request) ? fault : undefined));

const openPlace = async (
  t: TestContext,
  server: S3Server,
): Promise<{ readonly archive: FaultyArchive; readonly place: WalPlace }> => {
  const archive = await openFaultyArchive(t, server);
  const place = walPlace(t, archive, ourSystem);
  assert.equal((await place.push(first, walSegment({ name: first }))).status, 0);
  return { archive, place };
};

/** As any other reader would see it; `undefined` when the server has no such object. */
const storedContent = async (archive: FaultyArchive): Promise<Buffer | undefined> => {
  if (!(await archive.keys('wal_005/')).includes(key)) return undefined;
  const bytes = await archive.read(key);
  return collect(
    decompress('lz4')(
      (async function* () {
        yield bytes;
      })(),
    ),
  );
};

const timed = async (run: () => Promise<AgentResult>): Promise<AgentResult> => {
  const begin = performance.now();
  const result = await run();
  const seconds = (performance.now() - begin) / 1000;
  assert(seconds < boundSeconds, `it took ${seconds.toFixed(1)} s`);
  return result;
};

const pushTests = (server: S3Server): void => {
  test('a push to S3 that meets a passing fault ends with 0, and its object is whole', async (t) => {
    const { archive, place } = await openPlace(t, server);
    for (const [what, fault] of [...both, ...ofPushes]) {
      const hasHappened = once(archive, fault);
      const { status, stderr } = await timed(() => place.push(second, content, impatient));
      assert.equal(status, 0, `${what}: ${stderr}`);
      assert(hasHappened(), what);
      assert(content.equals((await storedContent(archive)) ?? Buffer.alloc(0)), `${what}: it is whole`);
      await archive.remove(key);
    }
  });

  test('a push to S3 that meets a lasting fault says what is wrong, acknowledges nothing, and a repetition heals it', async (t) => {
    const { archive, place } = await openPlace(t, server);
    for (const [what, fault, expected, told] of lasting) {
      always(archive, fault);
      const { status, stderr } = await timed(() => place.push(second, content, impatient));
      assert.equal(status, expected, `${what}: ${stderr}`);
      assert.match(stderr, told, what);
      assert.equal(await storedContent(archive), undefined, what);
      await archive.heal();
      assert.equal((await place.push(second, content)).status, 0, `${what}: repeated`);
      assert(content.equals((await storedContent(archive)) ?? Buffer.alloc(0)), `${what}: whole at last`);
      await archive.remove(key);
    }
  });

  test('a push to S3 whose every answer is lost ends in time, and what it wrote is acknowledged by its repetition', async (t) => {
    const { archive, place } = await openPlace(t, server);
    for (const fault of [{ kind: 'lose answer' }, { kind: 'hang' }] as const) {
      always(archive, fault);
      const { status, stderr } = await timed(() => place.push(second, content, impatient));
      assert([6, 34].includes(status ?? 0), `${fault.kind}: ${status} ${stderr}`);
      await archive.heal();
      assert.equal((await place.push(second, content)).status, 0, `${fault.kind}: repeated`);
      assert(content.equals((await storedContent(archive)) ?? Buffer.alloc(0)), `${fault.kind}: whole`);
      const other = await place.push(second, walSegment({ name: second, seed: 2 }));
      assert.equal(other.status, 22, other.stderr);
      await archive.remove(key);
    }
  });
};

const fetchTests = (server: S3Server): void => {
  test('a fetch from S3 that meets a passing fault brings the whole file', async (t) => {
    const { archive, place } = await openPlace(t, server);
    assert.equal((await place.push(second, content)).status, 0);
    for (const [what, fault] of [...both, ...ofFetches]) {
      const hasHappened = once(archive, fault);
      const { status, stderr } = await timed(() => place.fetch(second, impatient));
      assert.equal(status, 0, `${what}: ${stderr}`);
      assert(hasHappened(), what);
      assert(content.equals(await place.fetched(second)), what);
    }
  });

  test('a fetch from S3 that meets a lasting fault ends with 255 and leaves no file', async (t) => {
    const { archive, place } = await openPlace(t, server);
    assert.equal((await place.push(second, content)).status, 0);
    const troubles: readonly Trouble[] = [
      ...lasting.map(([what, fault]): Trouble => [what, fault]),
      ['no answer', { kind: 'hang' }],
      ['bodies that never come far', { kind: 'cut', afterBytes: 1000 }],
      ['a damaged body', { kind: 'flip', at: 300_000 }],
      ['a 404 that is none of S3', { kind: 'answer', status: 404 }],
      ['a bucket that is not there', { kind: 'answer', status: 404, code: 'NoSuchBucket' }],
    ];
    for (const [what, fault] of troubles) {
      archive.proxy.inject((request) => (describeRequest(request).includes(second) ? fault : undefined));
      const { status, stderr } = await timed(() => place.fetch(second, impatient));
      assert.equal(status, 255, `${what}: ${stderr}`);
      assert.deepEqual(await place.files(), [], what);
    }
    await archive.heal();
    assert(content.equals(await place.fetched(second)), 'nothing was harmed');
  });
};

await onS3((_store, server) => {
  pushTests(server);
  fetchTests(server);
});
