import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Damage, flipped, suffixes, type WrittenCodec, writtenCodecs } from '../../support/damaging.ts';
import { demandMajor, newestMajor } from '../../support/postgres-parts.ts';
import { type ProtectedCluster, protectCluster } from '../../support/protected-cluster.ts';
import type { TestStore } from '../../support/test-archive.ts';

/** Restores into a directory of its own and expects a refusal that names `key`, and nothing that PostgreSQL starts from. */
const assertRefused = async (
  place: ProtectedCluster,
  name: string,
  key: string,
  what: string,
): Promise<void> => {
  const target = join(place.directory, 'refused');
  const { status, stderr, events } = await place.agent(['backup-fetch', target, name]);
  const why = `${key} ${what}: ${status} ${stderr}`;
  assert([24, 31, 40, 41].includes(status ?? 0), why);
  const failure = events.find(({ state }) => state === 'fail');
  const words = key.split('/').slice(-1).join().replace('_backup_stop_sentinel.json', '');
  assert(String(failure?.message).includes(words), why);
  assert(!existsSync(join(target, 'global', 'pg_control')), why);
  await rm(target, { recursive: true, force: true });
};

/** Damages one object after the other, each in some ways, and mends it again. */
const refuseEach = async (
  place: ProtectedCluster,
  name: string,
  damages: readonly (readonly [key: string, damages: (sound: Buffer) => readonly Damage[]])[],
): Promise<void> => {
  const { archive } = place;
  for (const [key, damagesFor] of damages) {
    const sound = await archive.read(key);
    for (const [what, damaged] of damagesFor(sound)) {
      await archive.write(key, damaged);
      await assertRefused(place, name, key, what);
    }
    await archive.remove(key);
    await assertRefused(place, name, key, 'removed');
    await archive.write(key, sound);
  }
};

const backupWith = async (place: ProtectedCluster, codec: WrittenCodec): Promise<string> => {
  const result = await place.agent(['backup-push'], { WALWARDEN_COMPRESSION: codec });
  assert.equal(result.status, 0, result.stderr);
  return result.stdout.trim();
};

const partKeys = (name: string, codec: WrittenCodec) => {
  const at = (part: string): string => `basebackups_005/${name}/tar_partitions/${part}.tar${suffixes[codec]}`;
  return { files: at('part_001'), control: at('pg_control'), label: at('backup_label') };
};

const assertStillRestores = async (place: ProtectedCluster, name: string): Promise<void> => {
  const copy = await place.restore(`whole-${name}`, name);
  await copy.dispose();
};

const refuseDamagedParts = async (
  place: ProtectedCluster,
  codec: WrittenCodec,
  other: string,
): Promise<void> => {
  const name = await backupWith(place, codec);
  const { files, control, label } = partKeys(name, codec);
  const { archive } = place;
  const [otherControl, otherLabel] = [partKeys(other, 'lz4').control, partKeys(other, 'lz4').label];
  await refuseEach(place, name, [
    [
      files,
      (sound) => [
        ['emptied', Buffer.alloc(0)],
        ['cut', sound.subarray(0, sound.length - 600)],
        ['flipped in the middle', flipped(sound, sound.length >> 1)],
      ],
    ],
    [control, (sound) => [['flipped', flipped(sound, sound.length >> 1)]]],
    [label, (sound) => [['cut', sound.subarray(0, sound.length >> 1)]]],
  ]);
  const [soundControl, soundLabel] = [await archive.read(control), await archive.read(label)];
  await archive.write(control, soundLabel);
  await archive.write(label, soundControl);
  await assertRefused(place, name, label, 'swapped with each other');
  await archive.write(label, soundLabel);
  if (codec === 'lz4') {
    await archive.write(control, await archive.read(otherControl));
    await assertRefused(place, name, control, 'swapped with that of another backup');
    await archive.write(control, soundControl);
    await archive.write(label, await archive.read(otherLabel));
    await assertRefused(place, name, label, 'swapped with that of another backup');
    await archive.write(label, soundLabel);
  }
  await archive.write(control, soundControl);
  await assertStillRestores(place, name);
};

const refuseDamagedDocuments = async (
  place: ProtectedCluster,
  name: string,
  other: string,
): Promise<void> => {
  const { archive } = place;
  const keysOf = (backup: string) => ({
    sentinel: `basebackups_005/${backup}_backup_stop_sentinel.json`,
    metadata: `basebackups_005/${backup}/metadata.json`,
    manifest: `walwarden/backups/${backup}/manifest.ndjson.lz4`,
    summary: `walwarden/backups/${backup}/summary.json`,
  });
  const [own, others] = [keysOf(name), keysOf(other)];
  const [sentinel, manifest, summary] = [
    await archive.read(others.sentinel),
    await archive.read(others.manifest),
    await archive.read(others.summary),
  ];
  const cut = (sound: Buffer): readonly Damage[] => [
    ['emptied', Buffer.alloc(0)],
    ['cut', sound.subarray(0, sound.length >> 1)],
    ['flipped', flipped(sound, 0)],
  ];
  await refuseEach(place, name, [
    [own.sentinel, (sound) => [...cut(sound), ['swapped', sentinel]]],
    [
      own.manifest,
      (sound) => [...cut(sound), ['flipped later', flipped(sound, sound.length - 9)], ['swapped', manifest]],
    ],
    [own.summary, (sound) => [...cut(sound), ['swapped', summary]]],
  ]);
  const metadata = await archive.read(own.metadata);
  for (const [what, damaged] of cut(metadata)) {
    await archive.write(own.metadata, damaged);
    await assertRefused(place, name, own.metadata, what);
  }
  await archive.write(own.metadata, metadata);

  // What is wrong with one backup keeps nobody from another that is named; which is the latest is not known then.
  const soundSentinel = await archive.read(own.sentinel);
  await archive.write(own.sentinel, Buffer.alloc(0));
  await assertStillRestores(place, other);
  await assertRefused(place, 'LATEST', own.sentinel, 'unreadable when LATEST is asked for');
  await archive.write(own.sentinel, soundSentinel);
  await assertStillRestores(place, name);
};

const refuseDamagedBackups = async (
  t: TestContext,
  store: TestStore,
  codecs: readonly WrittenCodec[],
): Promise<void> => {
  const place = await protectCluster(t, await store.open(t), { major: newestMajor });
  const older = await backupWith(place, 'lz4');
  const newer = await backupWith(place, 'lz4');
  await refuseDamagedDocuments(place, newer, older);
  for (const codec of codecs) await refuseDamagedParts(place, codec, older);
};

export const damagedBackupsSuite = (
  store: TestStore,
  codecs: readonly WrittenCodec[] = writtenCodecs,
): void => {
  test(`backup-fetch refuses a base backup with any damaged object in ${store.name}, names it and leaves no pg_control`, async (t) => {
    if (demandMajor(t, newestMajor)) await refuseDamagedBackups(t, store, codecs);
  });
};
