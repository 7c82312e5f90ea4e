import { hash, randomBytes } from 'node:crypto';

/**
 * Numbers paths in the order in which they come, and finds the number again, without keeping the paths: of each only 64
 * bits of a hash with a secret salt stay, so that a cluster of ten million files takes about 250 MB. That two of so many
 * paths share a hash has a chance of one in 300,000, and nobody can bring it about who does not know the salt.
 */
export type MemberTable = {
  /** The new path's number; `undefined` when it is there already. */
  add(path: string): number | undefined;
  find(path: string): number | undefined;
  readonly size: () => number;
};

const firstCapacity = 1024;

export const memberTable = (): MemberTable => {
  const salt = randomBytes(16).toString('hex');
  let hashes = new BigUint64Array(firstCapacity);
  /** Open addressing: the number plus one, or 0 where nothing is. Always at least half empty. */
  let slots = new Uint32Array(2 * firstCapacity);
  let size = 0;

  const hashOf = (path: string): bigint => hash('sha256', salt + path, 'buffer').readBigUInt64LE();

  /** The slot where the hash is, or belongs. */
  const slotOf = (wanted: bigint): number => {
    const mask = slots.length - 1;
    for (let slot = Number(wanted & 0xffff_ffffn) & mask; ; slot = (slot + 1) & mask) {
      const number = slots[slot] ?? 0;
      if (number === 0 || hashes[number - 1] === wanted) return slot;
    }
  };
  const grow = (): void => {
    const larger = new BigUint64Array(2 * hashes.length);
    larger.set(hashes);
    hashes = larger;
    slots = new Uint32Array(2 * hashes.length);
    for (let number = 0; number < size; number += 1) slots[slotOf(hashes[number] ?? 0n)] = number + 1;
  };
  return {
    add(path) {
      if (size === hashes.length) grow();
      const wanted = hashOf(path);
      const slot = slotOf(wanted);
      if (slots[slot] !== 0) return undefined;
      hashes[size] = wanted;
      slots[slot] = size + 1;
      size += 1;
      return size - 1;
    },
    find(path) {
      const number = slots[slotOf(hashOf(path))] ?? 0;
      return number === 0 ? undefined : number - 1;
    },
    size: () => size,
  };
};

/** A mark for each number of a `MemberTable`; 0 where none was set. */
export type MemberMarks = { get(number: number): number; set(number: number, mark: number): void };

export const memberMarks = (): MemberMarks => {
  let marks = new Uint16Array(firstCapacity);
  return {
    get: (number) => marks[number] ?? 0,
    set: (number, mark) => {
      if (number >= marks.length) {
        const larger = new Uint16Array(Math.max(2 * marks.length, number + 1));
        larger.set(marks);
        marks = larger;
      }
      marks[number] = mark;
    },
  };
};
