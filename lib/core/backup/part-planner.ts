import assert from 'node:assert/strict';

/** The bounds of one tar part. They bound memory and what a lost connection repeats, not what a backup may hold. */
export type PartLimits = {
  /** Bytes of tar, headers and padding included. A single larger file makes a larger part: files are never split. */
  readonly tarBytes: number;
  readonly members: number;
};

export const defaultPartLimits: PartLimits = { tarBytes: 2 ** 30, members: 10_000 };

/** `number` counts from 1 in the order of creation; it says nothing about the order of files. */
export type PlannedPart<Entry> = { readonly number: number; readonly entries: readonly Entry[] };

const tarBlockBytes = 512;

/** What a member takes in a tar: a header block, and its content padded to blocks. */
const memberTarBytes = ({ bytes }: { readonly bytes: number }): number =>
  tarBlockBytes + Math.ceil(bytes / tarBlockBytes) * tarBlockBytes;

/**
 * Groups the entries of a walk into parts while it is still going on; only the part that is being filled is held. A
 * directory is an entry of 0 bytes. A file that fills a part by itself gets one of its own, at once, and the part
 * that was being filled goes on. Empty walks give no part.
 */
export async function* planParts<Entry extends { readonly bytes: number }>(
  walk: AsyncIterable<Entry> | Iterable<Entry>,
  limits: PartLimits = defaultPartLimits,
): AsyncGenerator<PlannedPart<Entry>, void, undefined> {
  assert(limits.tarBytes > 0 && limits.members > 0, 'a part holds something');
  let number = 0;
  let entries: Entry[] = [];
  let tarBytes = 0;
  const close = (closed: readonly Entry[]): PlannedPart<Entry> => {
    number += 1;
    return { number, entries: closed };
  };
  for await (const entry of walk) {
    const entryTarBytes = memberTarBytes(entry);
    if (entryTarBytes >= limits.tarBytes) {
      yield close([entry]);
      continue;
    }
    if (entries.length >= limits.members || tarBytes + entryTarBytes > limits.tarBytes) {
      yield close(entries);
      entries = [];
      tarBytes = 0;
    }
    entries.push(entry);
    tarBytes += entryTarBytes;
  }
  if (entries.length > 0) yield close(entries);
}
