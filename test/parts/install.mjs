// Makes a fresh clone ready to run: installs what package-lock.json names, once, and finishes the PostgreSQL packages.
// Plain JavaScript for the machine's own Node (20 or newer), because Node 24 itself is one of the things it installs.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const modules = join(root, 'node_modules');
const stamp = join(modules, '.walwarden-installed');

const fail = (message) => {
  process.stderr.write(`install: ${message}\n`);
  process.exit(1);
};

const lockDigest = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');

const isCurrent = existsSync(stamp) && readFileSync(stamp, 'utf8') === lockDigest;

if (!isCurrent) {
  process.stderr.write('install: installing what package-lock.json names (npm ci)\n');
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    // npm passes its own settings down to scripts as npm_config_*; a nested npm shall read the user's files instead.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'))),
  });
  if (npm.status !== 0) fail('npm ci failed; its own messages are above');
}

// The PostgreSQL packages ship their shared libraries without symbolic links and make them in a postinstall script, which
// newer npm versions do not run unasked. The script works relative to the package's directory.
const postgresPackages = readdirSync(modules).filter((name) => /^pg\d+-/.test(name));
for (const name of postgresPackages) {
  const directory = join(modules, name);
  if (isCurrent) continue;
  const hydrate = spawnSync(process.execPath, ['scripts/hydrate-symlinks.js'], {
    cwd: directory,
    stdio: 'inherit',
  });
  if (hydrate.status !== 0) fail(`${name}: making its library links failed`);
}

if (!existsSync(join(modules, '.bin', 'node'))) {
  fail(
    `no Node 24 package for ${process.platform} ${process.arch}; ` +
      'see test/parts/package.json for the platforms that have one',
  );
}
if (!isCurrent) writeFileSync(stamp, lockDigest);
