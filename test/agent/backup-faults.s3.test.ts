import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { measureAgent } from '../support/agent-memory.ts';
import { adoptCluster } from '../support/cluster.ts';
import { giveToClusterUser } from '../support/cluster-user.ts';
import type { Fault } from '../support/fault-proxy.ts';
import { demandMajor, newestMajor } from '../support/postgres-parts.ts';
import { type ProtectedCluster, protectCluster } from '../support/protected-cluster.ts';
import { listedBackups } from '../support/restored-cluster.ts';
import type { S3Server } from '../support/s3-server.ts';
import { describeRequest, type FaultyArchive, onS3, openFaultyArchive } from '../support/s3-test-archive.ts';
import { incompressible } from '../support/wal-files.ts';

const mebibyte = 2 ** 20;
const ballast = ['ballast-1', 'ballast-2', 'ballast-3'] as const;
const ballastMiB = 100;
/** Node by itself, the parts of two uploads under way, and what the collector leaves lying between its runs. */
const boundMiB = 400;
const settings = {
  WALWARDEN_JOBS: '2',
  WALWARDEN_PART_BYTES: '64MiB',
  WALWARDEN_S3_PART_BYTES: '8MiB',
  WALWARDEN_S3_STALL_SECONDS: '5',
};

const faults: readonly Fault[] = [
  { kind: 'answer', status: 500, code: 'InternalError' },
  { kind: 'cut', afterBytes: 3 * mebibyte },
  { kind: 'answer', status: 503, code: 'SlowDown' },
  { kind: 'cut request', afterBytes: mebibyte },
  { kind: 'lose answer' },
  { kind: 'twice' },
  { kind: 'reset' },
];

/** Every fifth request goes wrong, each in another way. */
const troubleSometimes = ({ proxy }: FaultyArchive): (() => number) => {
  let count = 0;
  proxy.inject((_request, number) => {
    if (number % 5 !== 0) return undefined;
    count += 1;
    return faults[count % faults.length];
  });
  return () => count;
};

const sha256Of = async (path: string): Promise<string> => {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
};

/** Whatever lies in a data directory is part of its base backup, and so this costs no WAL. */
const layBallast = ({ cluster }: ProtectedCluster): void => {
  for (const [index, name] of ballast.entries()) {
    const path = join(cluster.dataDirectory, name);
    writeFileSync(path, incompressible(ballastMiB * mebibyte, index + 1));
    giveToClusterUser(path);
  }
};

const backUpInTrouble = async (t: TestContext, server: S3Server): Promise<void> => {
  const archive = await openFaultyArchive(t, server);
  const place = await protectCluster(t, archive, { major: newestMajor });
  const { cluster } = place;
  await cluster.exec('create table rows as select generate_series(1, 1000) as n');
  layBallast(place);

  const happened = troubleSometimes(archive);
  const env = { ...cluster.env(), ...archive.env, ...settings };
  const pushed = await measureAgent(['backup-push'], { env });
  assert.equal(pushed.status, 0, pushed.stderr);
  const duringPush = happened();
  await place.archiveAll();
  const directory = join(place.directory, 'copy');
  const before = happened();
  const fetched = await measureAgent(['backup-fetch', directory, 'LATEST'], { env });
  assert.equal(fetched.status, 0, fetched.stderr);
  assert(duringPush >= faults.length && happened() > before, 'there were faults');
  t.diagnostic(`${duringPush} faults during backup-push, ${happened() - before} during backup-fetch`);
  for (const [name, { peakMiB, seconds }] of Object.entries({ pushed, fetched })) {
    t.diagnostic(`${name} in ${seconds.toFixed(1)} s with ${peakMiB ?? 'unknown'} MiB at most`);
    assert(
      peakMiB === undefined || peakMiB <= boundMiB,
      `${name} took ${peakMiB} MiB, more than ${boundMiB}`,
    );
  }
  for (const name of ballast) {
    assert.equal(await sha256Of(join(directory, name)), await sha256Of(join(cluster.dataDirectory, name)));
  }
  const copy = adoptCluster({
    major: cluster.major,
    dataDirectory: directory,
    hooks: t,
    environment: archive.env,
    settings: { archive_mode: 'off' },
  });
  await copy.start();
  await copy.waitFor('not pg_is_in_recovery()');
  assert.equal(await copy.text('select count(*)::text from rows'), '1000');
};

/** What begins in the middle of a backup and lasts, and the status that tells of it. */
const lasting: readonly (readonly [what: string, fault: Fault, status: number])[] = [
  ['denial', { kind: 'answer', status: 403, code: 'AccessDenied' }, 35],
  ['an expired token', { kind: 'answer', status: 400, code: 'ExpiredToken' }, 35],
  ['silence', { kind: 'hang' }, 34],
];

const failInTheMiddle = async (t: TestContext, server: S3Server): Promise<void> => {
  const archive = await openFaultyArchive(t, server);
  const place = await protectCluster(t, archive, { major: newestMajor });
  const known = [await place.backup()];
  const hasty = { WALWARDEN_S3_STALL_SECONDS: '1', WALWARDEN_S3_REQUEST_TIMEOUT_SECONDS: '4' };
  for (const [what, fault, status] of lasting) {
    const others = await archive.keys('basebackups_005/');
    let parts = 0;
    archive.proxy.inject((request) => {
      if (!describeRequest(request).includes('/tar_partitions/')) return undefined;
      parts += 1;
      return parts > 2 ? fault : undefined;
    });
    const failed = await place.agent(['backup-push'], { ...hasty, WALWARDEN_PART_BYTES: '4MiB' });
    assert.equal(failed.status, status, `${what}: ${failed.stderr}`);
    assert(parts > 2, what);
    assert.notDeepEqual(await archive.keys('basebackups_005/'), others, `${what} came in the middle`);
    await archive.heal();
    assert.deepEqual(await listedBackups(place), known, `${what}: what was not finished is no backup`);
  }
  known.push(await place.backup());
  assert.deepEqual(await listedBackups(place), known);

  let reads = 0;
  archive.proxy.inject((request) => {
    if (!describeRequest(request).includes('/tar_partitions/')) return undefined;
    reads += 1;
    return reads > 2 ? { kind: 'answer', status: 403, code: 'AccessDenied' } : undefined;
  });
  const unfinished = join(place.directory, 'unfinished');
  const denied = await place.agent(['backup-fetch', unfinished, 'LATEST'], hasty);
  assert.equal(denied.status, 35, denied.stderr);
  assert(!existsSync(join(unfinished, 'global', 'pg_control')), 'nothing that a server would start from');
};

await onS3((_store, server) => {
  test('a base backup to or from S3 that fails in the middle is none', async (t) => {
    if (demandMajor(t, newestMajor)) await failInTheMiddle(t, server);
  });

  test(`a base backup of ${ballast.length * ballastMiB} MiB goes to S3 and back in bounded memory while every fifth request fails`, async (t) => {
    if (demandMajor(t, newestMajor)) await backUpInTrouble(t, server);
  });
});
