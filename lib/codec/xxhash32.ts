import xxhash, { type XXHashAPI } from 'xxhash-wasm';

let loading: Promise<XXHashAPI> | undefined;

/** xxHash with 32 bits and seed 0, the checksum of LZ4 frames. The module is compiled once, when first needed. */
export const loadXxhash32 = (): Promise<XXHashAPI> => {
  loading ??= xxhash();
  return loading;
};
