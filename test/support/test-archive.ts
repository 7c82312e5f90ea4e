import { existsSync, mkdirSync } from 'node:fs';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { giveToClusterUser } from './cluster-user.ts';
import { type Hooks, temporaryDirectory } from './temporary.ts';

/**
 * A place for archives that a suite can look into and harm behind the agent's back, so that the same suite runs on every
 * kind of store.
 */
export type TestArchive = {
  /** The settings that point the agent at it. */
  readonly env: Readonly<Record<string, string>>;
  /** The keys that begin with the prefix, in order. */
  keys(prefix?: string): Promise<readonly string[]>;
  read(key: string): Promise<Buffer>;
  /** Puts these very bytes there, whatever was there before. */
  write(key: string, bytes: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  /** Makes the whole store unreachable. */
  breakDown(): Promise<void>;
  heal(): Promise<void>;
};

/** A kind of store that suites run on. */
export type TestStore = { readonly name: string; open(hooks: Hooks): Promise<TestArchive> };

/** What the agent remembers of one archive, as if each were used from a host of its own. */
export const stateDirectory = (hooks: Hooks): string =>
  join(temporaryDirectory(hooks, { ownedByCluster: true }), 'state');

export const directoryStore: TestStore = {
  name: 'a directory',
  async open(hooks) {
    const parent = temporaryDirectory(hooks, { ownedByCluster: true });
    const root = join(parent, 'archive');
    mkdirSync(root);
    giveToClusterUser(root);
    const paths = async (): Promise<readonly string[]> => {
      const entries = await readdir(root, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'));
    };
    return {
      env: { WALWARDEN_PREFIX: `file://${root}`, WALWARDEN_STATE_DIR: stateDirectory(hooks) },
      keys: async (prefix = '') => (await paths()).filter((path) => path.startsWith(prefix)).sort(),
      read: (key) => readFile(join(root, key)),
      write: async (key, bytes) => {
        makeFolders(root, dirname(key));
        await writeFile(join(root, key), bytes);
        giveToClusterUser(join(root, key));
      },
      remove: (key) => rm(join(root, key)),
      breakDown: () => rename(root, `${root}.away`),
      heal: () => rename(`${root}.away`, root),
    };
  },
};

const makeFolders = (root: string, folder: string): void => {
  if (existsSync(join(root, folder))) return;
  makeFolders(root, dirname(folder));
  mkdirSync(join(root, folder));
  giveToClusterUser(join(root, folder));
};
