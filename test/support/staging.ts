import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type ClusterUser, clusterUser, isReachableBy, isReadableBy } from './cluster-user.ts';
import { temporaryDirectory } from './temporary.ts';

/** The checkout that these files lie in. */
export const projectRoot = dirname(dirname(import.meta.dirname));

const postgresPackage = new RegExp(`^pg\\d+-${process.platform}-${process.arch}$`);

const dependencyNames = (packageFile: string): readonly string[] => {
  const manifest: { dependencies?: object; optionalDependencies?: object } = JSON.parse(
    readFileSync(packageFile, 'utf8'),
  );
  return Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
};

/** The packages that the agent's dependencies need, through all of theirs, as far as this platform has them. */
const neededPackages = (root: string): readonly string[] => {
  const found = new Set<string>();
  const visit = (packageFile: string): void => {
    for (const name of dependencyNames(packageFile)) {
      const directory = join(root, 'node_modules', name);
      if (found.has(name) || !existsSync(directory)) continue;
      found.add(name);
      visit(join(directory, 'package.json'));
    }
  };
  visit(join(root, 'package.json'));
  return [...found];
};

/** Everything that a cluster's user runs or reads: paths relative to `root`, as far as they exist there. */
export const stagedPaths = (root: string): readonly string[] => {
  const modules = join(root, 'node_modules');
  const names = existsSync(modules) ? readdirSync(modules) : [];
  const paths = [
    'package.json',
    'agent',
    'lib',
    ...neededPackages(root).map((name) => join('node_modules', name)),
    ...names.filter((name) => postgresPackage.test(name)).map((name) => join('node_modules', name)),
    // Of the Node package only the binary: the other 3,000 files are headers.
    ...names
      .filter((name) => /^node-(bin-)?(linux|darwin)-/.test(name))
      .map((name) => join('node_modules', name, 'bin')),
    join('node_modules', '.bin', 'node'),
  ];
  return paths.filter((path) => existsSync(join(root, path)));
};

/** Copies a tree so that everybody can read it: hard links where the original's permissions do, copies elsewhere. */
const place = (source: string, target: string): void => {
  const stats = lstatSync(source);
  if (stats.isSymbolicLink()) {
    symlinkSync(readlinkSync(source), target);
  } else if (stats.isDirectory()) {
    mkdirSync(target);
    chmodSync(target, 0o755);
    for (const name of readdirSync(source)) place(join(source, name), join(target, name));
  } else {
    const mode = (stats.mode & 0o100) === 0 ? 0o444 : 0o555;
    if ((stats.mode & mode) === mode && isLinked(source, target)) return;
    copyFileSync(source, target, constants.COPYFILE_FICLONE);
    chmodSync(target, mode);
  }
};

/** A hard link is refused between file systems, and by some file systems altogether. */
const isLinked = (source: string, target: string): boolean => {
  try {
    linkSync(source, target);
    return true;
  } catch {
    return false;
  }
};

/**
 * The root from which `user` can run the agent and PostgreSQL: `root` itself where permissions allow, otherwise a copy
 * of what is needed in `makeDirectory()`. A checkout under /root, or made with umask 077, is closed to everybody else.
 */
export const stageRoot = (root: string, user: ClusterUser, makeDirectory: () => string): string => {
  const paths = stagedPaths(root);
  const isOpen =
    isReachableBy(join(root, 'x'), user) && paths.every((path) => isReadableBy(join(root, path), user));
  if (isOpen) return root;
  const target = makeDirectory();
  for (const path of paths) {
    makeParents(target, path);
    const source = join(root, path);
    // What a package manager linked into place is copied from where it really lies; .bin/node has to stay a link.
    place(path.endsWith(join('.bin', 'node')) ? source : realpathSync(source), join(target, path));
  }
  return target;
};

const makeParents = (root: string, path: string): void => {
  const parent = dirname(path);
  if (parent === '.') return;
  makeParents(root, parent);
  mkdirSync(join(root, parent), { recursive: true });
  chmodSync(join(root, parent), 0o755);
};

let staged: string | undefined;

/**
 * The root to run the agent and PostgreSQL from. test/run.ts stages once for all test files and names the place in
 * WALWARDEN_STAGED_ROOT; a test file that is run alone stages for itself.
 */
export const stagedRoot = (): string => {
  staged ??=
    process.env.WALWARDEN_STAGED_ROOT ??
    (clusterUser === undefined
      ? projectRoot
      : stageRoot(projectRoot, clusterUser, () => temporaryDirectory()));
  return staged;
};
