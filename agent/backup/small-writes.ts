/** A database of many small relations is a hundred thousand files, each of which waits for the disk several times. */
const writesUnderWay = 16;

/** Writes of small files beside each other; the content of each is in memory and was checked. */
export type SmallWrites = {
  /** Resolves when there is room for the next one. @throws what an earlier one failed with */
  add(write: () => Promise<void>): Promise<void>;
  /** Waits for all of them. @throws what the first one failed with */
  finish(): Promise<void>;
};

export const smallWrites = (): SmallWrites => {
  const underWay = new Set<Promise<void>>();
  let failure: { readonly reason: unknown } | undefined;
  const throwFailure = (): void => {
    if (failure !== undefined) throw failure.reason;
  };
  return {
    async add(write) {
      if (underWay.size >= writesUnderWay) await Promise.race(underWay);
      throwFailure();
      const running = write()
        .catch((reason: unknown) => {
          failure ??= { reason };
        })
        .finally(() => underWay.delete(running));
      underWay.add(running);
    },
    async finish() {
      await Promise.all(underWay);
      throwFailure();
    },
  };
};
