import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type JsonObject, type JsonValue, parseJson } from '../../lib/core/json.ts';

/**
 * What the agent remembers between two calls so that it need not ask the store again. Never the truth: losing it costs
 * requests, and it says itself what it is about, so that one found in a wrong place is not believed. It lies outside of
 * the data directory, because a copy of that shall not carry it along.
 */
export type StateFile = {
  /** Where it lies, for people; undefined when nothing is kept. */
  readonly path: string | undefined;
  /** `undefined` when there is none, or none that can be read. */
  read(): Promise<JsonValue | undefined>;
  /** Best effort: a directory that cannot be written to means a state that is not kept. */
  write(value: JsonObject): Promise<void>;
};

/** @param subject what the state is about: the archive's location and whatever else tells two states apart */
export const stateFile = (
  directory: string | undefined,
  kind: string,
  subject: readonly string[],
): StateFile => {
  if (directory === undefined) {
    return { path: undefined, read: async () => undefined, write: async () => undefined };
  }
  const digest = createHash('sha256').update(subject.join('\n')).digest('hex').slice(0, 24);
  const path = join(directory, `${kind}-${digest}.json`);
  return {
    path,
    async read() {
      try {
        return parseJson(await readFile(path, 'utf8'), path, { maxCharacters: 100_000 });
      } catch {
        return undefined;
      }
    },
    async write(value) {
      const temporary = `${path}.${process.pid}`;
      try {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        await writeFile(temporary, `${JSON.stringify(value)}\n`, { mode: 0o600 });
        await rename(temporary, path);
      } catch {
        // Without it the next call asks the store once more.
      }
    },
  };
};
