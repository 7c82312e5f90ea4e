import type { BigIntStats } from 'node:fs';
import type { ObjectFacts, ObjectKey } from '../core/ports.ts';

/**
 * The version is the inode with its size and time of last writing. Not the time of its last change, which the writer's
 * own temporary name still moves when the object is already in place.
 */
export const factsOf = (key: ObjectKey, stats: BigIntStats): ObjectFacts => ({
  key,
  objectBytes: Number(stats.size),
  modifiedAt: new Date(Number(stats.mtimeMs)),
  version: `${stats.ino}-${stats.size}-${stats.mtimeNs}`,
});
