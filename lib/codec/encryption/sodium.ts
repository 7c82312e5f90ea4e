import assert from 'node:assert/strict';
import type { StateAddress } from 'libsodium-wrappers';

type Library = typeof import('libsodium-wrappers')['default'];

export type Sodium = Library & {
  /**
   * Gives back the state of a secretstream. The library's release 0.8.4 has no function of its own for it
   * (https://github.com/jedisct1/libsodium.js/issues/380) and would lose 52 bytes of its memory with every object.
   */
  freeState(state: StateAddress): void;
};

let loading: Promise<Sodium> | undefined;

/** libsodium, loaded by the first who needs it: most archives are not encrypted with it. */
export const loadSodium = (): Promise<Sodium> => {
  loading ??= import('libsodium-wrappers').then(async ({ default: library }) => {
    await library.ready;
    return { ...library, freeState: stateFreer(library) };
  });
  return loading;
};

const stateFreer = (library: object): ((state: StateAddress) => void) => {
  const module: unknown = Reflect.get(library, 'libsodium');
  assert(typeof module === 'object' && module !== null, 'libsodium-wrappers shows the module that it wraps');
  const free: unknown = Reflect.get(module, '_free');
  assert(typeof free === 'function', 'the libsodium module has its free');
  return (state) => {
    free(state);
  };
};
