import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Archive, openArchive } from '../../agent/archive/archive.ts';
import { packingWith } from '../../agent/archive/object-packing.ts';
import { openLog } from '../../agent/host/log.ts';
import { rateLimit } from '../../agent/host/rate-limit.ts';
import { pushWalFile } from '../../agent/wal/push.ts';
import { collect } from '../../lib/codec/streams.ts';
import { parseObjectKey } from '../../lib/core/archive/object-key.ts';
import { isPipelineError } from '../../lib/core/errors.ts';
import { systemClock } from '../../lib/local/system-clock.ts';
import type { S3Server } from '../support/s3-server.ts';
import { onS3 } from '../support/s3-test-archive.ts';
import { type Hooks, temporaryDirectory } from '../support/temporary.ts';
import { ourSystem, walPlace, walSegment } from '../support/wal-files.ts';

const tries = Number(process.env.WALWARDEN_RACE_TRIES ?? 25);
const processTries = 4;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Of segments of 1 MiB, 4,096 lie between two steps of a name's second number. */
const segmentName = (number: number): string =>
  ['1', (number >> 12).toString(16), (number & 0xfff).toString(16)]
    .map((part) => part.toUpperCase().padStart(8, '0'))
    .join('');

/** What two commands on two hosts have: a store each, with its own connections, and a memory each. */
const openHost = async (t: Hooks, server: S3Server, bucket: string): Promise<Archive> =>
  openArchive({
    store: await server.openStore(t, { bucket }),
    stateDirectory: join(temporaryDirectory(t), 'state'),
    codec: 'lz4',
    level: undefined,
    packing: packingWith(undefined, false),
    diskLimit: rateLimit(undefined, systemClock),
    clock: systemClock,
    log: openLog({
      clock: systemClock,
      pid: process.pid,
      format: 'json',
      level: 'error',
      colours: false,
      writeLine: () => undefined,
    }),
    signal: new AbortController().signal,
  });

const lay = async (folder: string, name: string, content: Uint8Array): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
};

const storedContent = async (archive: Archive, name: string): Promise<Buffer> => {
  const object = await archive.store.open(parseObjectKey(`wal_005/${name}.lz4`));
  assert(object !== undefined, `${name} is in the archive`);
  return collect(archive.decode('lz4')(object.content));
};

await onS3((store, server) => {
  test(`of two pushes of one name with different content to S3 exactly one wins and the other says so, in ${tries} tries`, async (t) => {
    const bucket = await server.createBucket();
    const hosts = [await openHost(t, server, bucket), await openHost(t, server, bucket)];
    const folders = hosts.map(() => temporaryDirectory(t));
    const wins = [0, 0];
    for (let attempt = 1; attempt <= tries; attempt += 1) {
      const name = segmentName(attempt);
      const contents = folders.map((_, index) => walSegment({ name, seed: 2 * attempt + index }));
      const paths = await Promise.all(
        folders.map((folder, index) => lay(folder, name, contents[index] ?? Buffer.alloc(0))),
      );
      const results = await Promise.allSettled(
        hosts.map((archive, index) => pushWalFile(archive, paths[index] ?? '')),
      );
      const winner = results.findIndex(({ status }) => status === 'fulfilled');
      const [won, lost] = [results[winner], results[1 - winner]];
      assert(won?.status === 'fulfilled' && won.value === 'archived', `try ${attempt} has a winner`);
      assert(lost?.status === 'rejected', `try ${attempt} has a loser`);
      const refusal = lost.reason;
      assert(isPipelineError(refusal, 'wal-content-differs'), `try ${attempt}: ${refusal}`);
      for (const content of contents) {
        assert(refusal.message.includes(sha256(content)), `${refusal.message} shows both checksums`);
      }
      const stored = await storedContent(hosts[attempt % 2] ?? assert.fail('a host'), name);
      assert(stored.equals(contents[winner] ?? Buffer.alloc(0)), `try ${attempt} left the winner's content`);
      wins[winner] = (wins[winner] ?? 0) + 1;
    }
    t.diagnostic(`wins: ${wins.join(' and ')}`);
  });

  test(`of two pushes of one name with the same content to S3 both succeed, in ${tries} tries`, async (t) => {
    const bucket = await server.createBucket();
    const hosts = [await openHost(t, server, bucket), await openHost(t, server, bucket)];
    const folder = temporaryDirectory(t);
    for (let attempt = 1; attempt <= tries; attempt += 1) {
      const name = segmentName(attempt);
      const path = await lay(folder, name, walSegment({ name, seed: attempt }));
      const outcomes = await Promise.all(hosts.map((archive) => pushWalFile(archive, path)));
      assert.deepEqual(outcomes.sort(), ['archived', 'archived-before'], `try ${attempt}`);
    }
  });

  test(`of two agents that push one name with different content to S3 at once one ends with 0, the other with 22`, async (t) => {
    const archive = await store.open(t);
    const places = [walPlace(t, archive, ourSystem), walPlace(t, archive, ourSystem)];
    for (let attempt = 1; attempt <= processTries; attempt += 1) {
      const name = segmentName(attempt);
      const contents = places.map((_, index) => walSegment({ name, seed: 2 * attempt + index }));
      const results = await Promise.all(
        places.map((place, index) => place.push(name, contents[index] ?? Buffer.alloc(0))),
      );
      const told = results.map(({ stderr }) => stderr).join('');
      assert.deepEqual(results.map(({ status }) => status).sort(), [0, 22], `try ${attempt}: ${told}`);
      const refused = results.find(({ status }) => status === 22);
      for (const content of contents) assert(refused?.stderr.includes(sha256(content)), 'both checksums');
      const winner = contents[results.findIndex(({ status }) => status === 0)];
      assert(
        winner?.equals((await places[0]?.fetched(name)) ?? Buffer.alloc(0)),
        'the content of the winner',
      );
    }
  });
});
