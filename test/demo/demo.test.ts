import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { endOrphans } from '../support/orphans.ts';
import { demandMajor, newestMajor } from '../support/postgres-parts.ts';
import { type ProgramResult, programResult } from '../support/process-group.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { eventually } from '../support/waiting.ts';

type Demo = ProgramResult & {
  /** Where it played. */
  readonly directory: string;
};

/** Runs the demo as npm does; `onStep` hears of each step when it begins. */
const runDemo = async (
  t: TestContext,
  options: readonly string[],
  onStep?: (title: string, directory: string, pid: number) => void,
): Promise<Demo> => {
  // Only for a test that fails: a demo that goes well leaves nothing to end.
  t.after(async () => {
    child.kill('SIGTERM');
    endOrphans(temporary);
  });
  const temporary = temporaryDirectory(t);
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...options], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: 'pipe',
  });
  child.stdin.end();
  let directory = '';
  let told = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const before = told.length;
    told += text;
    directory ||= /\S*\/walwarden-demo-\w+/.exec(told)?.[0] ?? '';
    for (const { index, 1: title = '' } of told.matchAll(/^\d+\. (.*)\n/gm)) {
      if (index + title.length >= before) onStep?.(title, directory, child.pid ?? 0);
    }
  });
  const result = await programResult(child);
  assert.notEqual(directory, '', `the demo says where it plays: ${result.stdout}${result.stderr}`);
  return { ...result, directory };
};

/** Processes whose working directory is, or was, below a directory; on Linux, elsewhere none. */
const processesIn = (directory: string): readonly string[] =>
  !existsSync('/proc/self/cwd')
    ? []
    : readdirSync('/proc').filter((pid) => {
        try {
          return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(directory);
        } catch {
          return false;
        }
      });

const assertNothingIsLeft = async (directory: string): Promise<void> => {
  assert(!existsSync(directory), `${directory} is removed`);
  // A process that was killed takes a moment to be gone.
  await eventually('the end of all servers of the demo', () => processesIn(directory).length === 0);
};

const stepsOf = (stdout: string): readonly string[] => stdout.match(/^\d+\. .*$/gm) ?? [];

test('the demo loses a table, gets every row back, and leaves nothing behind', async (t) => {
  if (!demandMajor(t, newestMajor)) return;
  const { status, stdout, stderr, directory } = await runDemo(t, []);
  assert.equal(status, 0, stdout + stderr);
  assert.equal(stderr, '');
  const words = ['Settings', 'archives', 'backup', 'goes on', 'disaster', 'rescue', 'proof', 'archive'];
  const steps = stepsOf(stdout);
  assert.equal(steps.length, words.length, steps.join('\n'));
  for (const [index, word] of words.entries())
    assert(steps[index]?.includes(word), `${steps[index]}: ${word}`);
  assert(stdout.includes(`archive_command = 'walwarden --env-dir /etc/walwarden wal-push "%p"'`), stdout);
  assert.match(stdout, /relation "orders" does not exist/);
  assert.match(stdout, /recovery stopping before commit of transaction/);
  const orders = stdout.match(/orders +1500 +[0-9a-f]{32}/g) ?? [];
  assert.equal(orders.length, 2, 'the orders are shown before the drop and after the recovery');
  assert.equal(orders[0], orders[1]);
  assert.match(stdout, /^ +base_[0-9A-F]{24} /m, 'the backup is listed');
  assert(!stdout.includes('\u001b'), 'there is no colour without a terminal');
  await assertNothingIsLeft(directory);
});

/** What the test runner tells its files is no setting of the agent, which refuses names that it does not know. */
const personsEnvironment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('WALWARDEN_')),
);

test('a demo that is kept stays where it says, and every command that it offers works', async (t) => {
  if (!demandMajor(t, newestMajor)) return;
  const { status, stdout, stderr, directory } = await runDemo(t, ['--keep']);
  assert.equal(status, 0, stdout + stderr);
  assert.deepEqual(processesIn(directory), [], 'its servers are stopped');
  const farewell = stdout.slice(stdout.indexOf('\nKept in '));
  const offers = [...farewell.matchAll(/^ {3}(\S(?:.*\\\n)*.*)$/gm)].map(([, command = '']) => command);
  assert.equal(offers.length, 7, farewell);
  const hasPsql = spawnSync('sh', ['-c', 'command -v psql']).status === 0;
  const answers = offers
    .filter((command) => hasPsql || !command.startsWith('psql'))
    .map((command) => {
      const {
        status: end,
        stdout: answer,
        stderr: log,
      } = spawnSync('sh', ['-c', command], {
        encoding: 'utf8',
        cwd: '/',
        env: personsEnvironment,
        // pg_ctl's server holds on to the output otherwise, and the call would never end.
        stdio: command.includes('pg_ctl start') ? 'ignore' : 'pipe',
      });
      assert.equal(end, 0, `${command}\n${log}`);
      return answer ?? '';
    });
  assert.match(answers.join('\n'), /^base_[0-9A-F]{24} /m, 'backup-list lists the backup');
  assert.match(answers.join('\n'), /wal_005\/[0-9A-F]{24}\.lz4$/m, 'the archive is shown');
  assert.match(answers.join('\n'), /^1500 /m, 'the rescued cluster answers');
  await assertNothingIsLeft(directory);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`a demo that ${signal} interrupts in the middle leaves no server and no directory`, async (t) => {
    if (!demandMajor(t, newestMajor)) return;
    const { status, stderr, directory } = await runDemo(t, [], (title, playedIn, pid) => {
      if (!title.includes('base backup')) return;
      assert.notEqual(processesIn(playedIn).length, 0, 'there was a server to end');
      process.kill(pid, signal);
    });
    assert.equal(status, signal === 'SIGINT' ? 130 : 143, stderr);
    assert.match(stderr, /interrupted; .* and its servers are gone/);
    await assertNothingIsLeft(directory);
  });
}

test('a demo that fails says what the agent logged, ends with 1, and leaves nothing behind', async (t) => {
  if (!demandMajor(t, newestMajor)) return;
  const { status, stdout, stderr, directory } = await runDemo(t, [], (title, playedIn) => {
    if (!title.includes('goes on')) return;
    const backups = join(playedIn, 'backup', 'shop', 'basebackups_005');
    const part = readdirSync(backups, { recursive: true, encoding: 'utf8' }).find((path) =>
      path.endsWith('part_001.tar.lz4'),
    );
    assert(part !== undefined, 'there is a part to damage');
    truncateSync(join(backups, part), 1_000);
  });
  assert.equal(status, 1, stdout + stderr);
  assert.match(
    stderr,
    /demo: failed: walwarden .* backup-fetch .* ended with status \d+; it logged\n.*part_001/s,
  );
  assert.match(stderr, /the log of main ends with\n.*\[\d+\]/s);
  await assertNothingIsLeft(directory);
});

test('a demo whose server is killed says which one, and ends with 1', async (t) => {
  if (!demandMajor(t, newestMajor)) return;
  const { status, stdout, stderr, directory } = await runDemo(t, [], (title, playedIn) => {
    if (!title.includes('base backup')) return;
    const lockFile = join(
      playedIn,
      'var',
      'lib',
      'postgresql',
      String(newestMajor),
      'main',
      'postmaster.pid',
    );
    process.kill(Number.parseInt(readFileSync(lockFile, 'utf8'), 10), 'SIGKILL');
  });
  assert.equal(status, 1, stdout + stderr);
  assert.match(stderr, /the server of main is not running/);
  await assertNothingIsLeft(directory);
});

test('the demo explains itself, and refuses an option that it does not know', () => {
  const main = join(import.meta.dirname, 'main.ts');
  const help = spawnSync(process.execPath, [main, '--help'], { encoding: 'utf8' });
  assert.equal(help.status, 0, help.stderr);
  assert.match(help.stdout, /^Usage: npm run demo/);
  const wrong = spawnSync(process.execPath, [main, '--kept'], { encoding: 'utf8' });
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /--kept/);
});
