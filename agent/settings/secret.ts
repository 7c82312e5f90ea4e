import { inspect } from 'node:util';

/** A value that must not be seen. Printing, logging, inspecting or serialising it gives `***`. */
export type Secret = {
  readonly reveal: () => string;
  readonly toString: () => string;
  readonly toJSON: () => string;
};

export const mask = '***';

/** Wraps a secret. The text lives in a closure, so that no walk over properties finds it. */
export const secretOf = (text: string): Secret =>
  Object.freeze({
    reveal: () => text,
    toString: () => mask,
    toJSON: () => mask,
    [inspect.custom]: () => mask,
  });
