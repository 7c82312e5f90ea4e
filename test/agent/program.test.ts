import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type Command,
  type CommandContext,
  globalOptions,
  type OptionSpec,
} from '../../agent/command-line.ts';
import { openProgram } from '../../agent/program.ts';
import { foreignOptions } from '../../agent/settings/foreign-options.ts';
import { agentVersion } from '../../agent/version.ts';
import { PipelineError } from '../../lib/core/errors.ts';

type Probe = Partial<Command> & {
  readonly run: (context: CommandContext) => Promise<number> | Promise<void>;
};

/** Runs one made-up command in this process and tells what came of it. */
const runProbe = async (
  probe: Probe,
  facts: {
    readonly line?: readonly string[];
    readonly environment?: Record<string, string | undefined>;
    readonly signal?: AbortSignal;
  } = {},
) => {
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const environment = facts.environment ?? {};
  const program = openProgram({
    line: facts.line ?? ['probe', '--log-format=json'],
    environment,
    stdout: {
      write: (text, written) => {
        stdout.push(text);
        written?.();
      },
      on: () => undefined,
    },
    stderr: { write: (text: string) => stderr.push(text) },
    pid: 7,
    clock: { now: () => new Date(0), sleep: async () => {} },
    signal: facts.signal ?? new AbortController().signal,
    bugStatus: 70,
  });
  const command: Command = {
    name: 'probe',
    group: 'operator',
    summary: 'probe',
    usage: '',
    description: 'Probes.',
    options: {},
    arguments: [],
    ...probe,
  };
  const status = await program.run({ probe: async () => command });
  const events = stderr.map((text) => JSON.parse(text));
  return { status, stdout: stdout.join(''), events, environment };
};

test('what a command returns is the exit status, and what it prints is all of the standard output', async () => {
  const done = await runProbe({
    run: async ({ print, log }) => {
      log.info('probe', { state: 'complete' });
      print('result');
      print('another\n');
    },
  });
  assert.deepEqual([done.status, done.stdout, done.events.length], [0, 'result\nanother\n', 1]);
  assert.equal((await runProbe({ run: async () => 9 })).status, 9);
});

test('a known error gives its exit status and one event with code, message, hint and causes', async () => {
  const { status, events } = await runProbe({
    run: async () => {
      throw new PipelineError('store-unavailable', {
        message: 'the store sleeps',
        hint: 'Wake it.',
        cause: new Error('connect failed', { cause: new Error('no route') }),
      });
    },
  });
  assert.equal(status, 34);
  assert.equal(events.length, 1);
  const { level, action, state, code, message, hint, cause } = events[0];
  assert.deepEqual(
    { level, action, state, code, message, hint, cause },
    {
      level: 'error',
      action: 'probe',
      state: 'fail',
      code: 'store-unavailable',
      message: 'the store sleeps',
      hint: 'Wake it.',
      cause: 'connect failed: no route',
    },
  );
});

test('an unknown error is a mistake of ours: 70 and its stack', async () => {
  const { status, events } = await runProbe({
    run: async () => {
      throw new TypeError('boom');
    },
  });
  assert.equal(status, 70);
  assert.match(events[0].stack, /TypeError: boom\n.*program\.test\.ts/);
});

test('a command may map its errors to statuses of its own, wrong usage and settings among them', async () => {
  const probe: Probe = { exitStatusOf: () => 255, run: async () => {} };
  assert.equal((await runProbe(probe, { line: ['probe', '--nonsense', '--log-format=json'] })).status, 255);
  assert.equal((await runProbe(probe, { environment: { WALWARDEN_JOBS: '0' } })).status, 255);
  assert.equal(
    (await runProbe(probe, { line: ['probe', '--env-dir=/nonexistent', '--log-format=json'] })).status,
    255,
  );
});

test('an error that an interruption caused is told as the interruption', async () => {
  const controller = new AbortController();
  const { status, events } = await runProbe(
    {
      run: async () => {
        controller.abort(new PipelineError('interrupted', { message: 'stopped by SIGTERM' }));
        throw new DOMException('aborted', 'AbortError');
      },
    },
    { signal: controller.signal },
  );
  assert.deepEqual([status, events[0].code], [5, 'interrupted']);
});

test('settings are judged before the command runs, but help and version do without', async () => {
  let runs = 0;
  const run = async () => {
    runs += 1;
  };
  const environment = { WALWARDEN_JOBS: '0', PGPORT: 'x' };
  const refused = await runProbe({ run }, { environment });
  assert.deepEqual([refused.status, runs], [3, 0]);
  assert.match(refused.events[0].message, /^2 problems: /);
  assert.deepEqual([(await runProbe({ group: 'general', run }, { environment })).status, runs], [0, 1]);
});

test('a settings directory is seen by the process as envdir would have it, and its secrets by nobody', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'walwarden-env-'));
  context.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'PGPASSWORD'), 'open sesame');
  writeFileSync(join(directory, 'PGUSER'), '');
  writeFileSync(join(directory, 'WALWARDEN_LOG_FORMAT'), 'json');
  const { events, environment } = await runProbe(
    {
      run: async ({ settings }) => {
        throw new Error(`cannot log in with ${settings.postgres.PGPASSWORD?.reveal()}`);
      },
    },
    { line: ['probe', `--env-dir=${directory}`], environment: { PGUSER: 'x', PATH: '/bin' } },
  );
  assert.doesNotMatch(JSON.stringify(events), /sesame/);
  assert.match(events[0].message, /cannot log in with \*\*\*/);
  assert.deepEqual(environment, { PATH: '/bin', PGPASSWORD: 'open sesame', WALWARDEN_LOG_FORMAT: 'json' });
});

const launcher = fileURLToPath(new URL('../../agent/walwarden', import.meta.url));
const ownPath = '/usr/bin:/bin';

const runLauncher = (line: readonly string[], env: Readonly<Record<string, string>> = {}, path = launcher) =>
  spawnSync(path, line, { encoding: 'utf8', env: { PATH: ownPath, ...env }, cwd: '/' });

test('the launcher finds its program through links', (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'walwarden launcher-'));
  context.after(() => rmSync(directory, { recursive: true }));
  symlinkSync(launcher, join(directory, 'first'));
  symlinkSync('first', join(directory, 'second'));
  const { status, stdout } = runLauncher(['version'], {}, join(directory, 'second'));
  assert.deepEqual([status, stdout.startsWith(`walwarden ${agentVersion} (node v`)], [0, true]);
});

test('without a suitable Node the launcher says so, with 69, and with 255 for wal-fetch', (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'walwarden-old-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const old = join(directory, 'node');
  writeFileSync(old, '#!/bin/sh\necho v22.21.0\n', { mode: 0o755 });
  for (const [line, status] of [
    [['wal-push', 'x'], 69],
    [['--env-dir', 'wal-fetch', 'wal-push', 'x'], 69],
    [['wal-fetch', 'a', 'b'], 255],
    [['--log-level', 'debug', '--env-dir=/e', 'wal-fetch', 'a', 'b'], 255],
  ] as const) {
    const result = runLauncher(line, { WALWARDEN_NODE: old });
    assert.deepEqual([result.status, result.stdout], [status, '']);
    assert.match(result.stderr, /^walwarden: WALWARDEN_NODE is .* not Node 24 or newer\n$/);
  }
});

test('a Node that cannot even start never tells PostgreSQL that the archive has come to its end', () => {
  for (const options of ['--require /nonexistent', '--no-such-option']) {
    assert.equal(runLauncher(['wal-fetch', 'a', 'b'], { NODE_OPTIONS: options }).status, 255, options);
  }
  assert.equal(runLauncher(['wal-fetch']).status, 255);
  assert.equal(runLauncher(['wal-fetch', 'a', 'b', '--env-dir=/nonexistent']).status, 255);
});

test('what was probably meant as wal-fetch never looks like the end of the archive', (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'walwarden-misspelt-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const old = join(directory, 'node');
  writeFileSync(old, '#!/bin/sh\necho v22.21.0\n', { mode: 0o755 });
  const name = '000000010000000000000001';
  for (const line of [
    ['wal-fetc', name, 'pg_wal/RECOVERYXLOG'],
    ['wal-fetsch', name, 'pg_wal/RECOVERYXLOG'],
    ['walfetch', name, 'pg_wal/RECOVERYXLOG'],
    ['--log-level', 'warn', 'wal-ftech', name, 'pg_wal/RECOVERYXLOG'],
    ['restore', name, 'pg_wal/RECOVERYXLOG'],
    ['--env-dir', 'wal-fetch', '00000002.history', 'pg_wal/RECOVERYHISTORY'],
  ]) {
    const { status, stderr } = runLauncher(line);
    assert.deepEqual([line, status], [line, 255]);
    assert.match(stderr, /there is no command|cannot be read/);
  }
  for (const command of ['wal-fetc', 'walfetch', 'wal-ftech']) {
    assert.equal(runLauncher([command, 'a', 'b'], { WALWARDEN_NODE: old }).status, 255, command);
  }
  for (const line of [
    ['wal-psh', 'pg_wal/000000010000000000000001'],
    ['backup-fetc', '/d', 'LATEST'],
    ['nonsense'],
  ]) {
    assert.deepEqual([line, runLauncher(line).status], [line, 2]);
  }
});

test('the launcher knows every option that takes a value and may stand before the command', () => {
  const text = readFileSync(launcher, 'utf8');
  const known: Readonly<Record<string, OptionSpec>> = { ...foreignOptions, ...globalOptions };
  const options = Object.entries(known).filter(([, { type }]) => type === 'string');
  for (const [option, { short }] of options) {
    assert(text.includes(`no:--${option} `) || text.includes(`no:--${option})`), option);
    if (short !== undefined) assert(text.includes(`no:-${short})`), short);
  }
});

test('options of WAL-G and WAL-E that mean a setting set it, and those without effect are noted', async () => {
  let seen: unknown;
  const { status, events } = await runProbe(
    {
      foreignOptions: { full: { type: 'boolean', short: 'f', doc: 'every base backup is whole' } },
      run: async ({ settings, options }) => {
        seen = [settings.prefix, settings.jobs, settings.networkRate, options.boolean('full')];
      },
    },
    {
      line: [
        ...[
          '--aws-instance-profile',
          '-k',
          'AKIA',
          '--s3-prefix',
          's3://bucket/main',
          '--turbo',
          'probe',
          '-f',
        ],
        ...['--pool-size=3', '--log-format=json'],
      ],
      environment: { WALG_NETWORK_RATE_LIMIT: '1000000' },
    },
  );
  assert.equal(status, 0, JSON.stringify(events));
  assert.deepEqual(seen, [{ kind: 's3', bucket: 'bucket', prefix: 'main' }, 3, undefined, true]);
  assert.deepEqual(
    events.map(({ state, option, message }) => [state, option, message]),
    [['note', '--full', 'every base backup is whole']],
  );
});

test('settings shows what is in force even where it is wrong, and then ends with 3', () => {
  const { status, stdout, stderr } = runLauncher(['settings', '--json'], {
    WALG_FILE_PREFIX: '/archive',
    WALE_GPG_KEY_ID: 'ABCD',
    WALWARDEN_JOBS: '3',
  });
  assert.equal(status, 3);
  assert.match(stderr, /WALE_GPG_KEY_ID asks for a key of a gpg key ring/);
  const { settings, inherited, ignored } = JSON.parse(stdout);
  assert.deepEqual(settings[0], {
    name: 'WALWARDEN_PREFIX',
    value: 'file:///archive',
    from: 'WALG_FILE_PREFIX of the environment',
  });
  assert.deepEqual(inherited[0].as, ['WALWARDEN_PREFIX']);
  assert.equal(ignored[0].name, 'WALE_GPG_KEY_ID');
  assert.equal(runLauncher(['settings'], { WALG_FILE_PREFIX: '/archive' }).status, 0);
});

test('proven absence passes through the launcher as 1', (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'walwarden-absent-'));
  context.after(() => rmSync(directory, { recursive: true }));
  // An empty directory proves nothing: it may be a disk that is not mounted.
  mkdirSync(join(directory, 'archive', 'wal_005'), { recursive: true });
  writeFileSync(join(directory, 'archive', 'wal_005', '00000002.history'), '');
  const fetch = (prefix: string) =>
    runLauncher(['wal-fetch', '000000010000000000000001', join(directory, 'RECOVERYXLOG')], {
      WALWARDEN_PREFIX: `file://${join(directory, prefix)}`,
      WALWARDEN_FETCH_RETRY_SECONDS: '0',
    });
  const absent = fetch('archive');
  assert.equal(absent.status, 1, absent.stderr);
  assert.equal(fetch('nowhere').status, 255);
});

test('a reader that goes away ends the output quietly, and a full disk does not', () => {
  const shell = (script: string) =>
    spawnSync('sh', ['-c', script, 'sh', launcher], { encoding: 'utf8', env: { PATH: ownPath } });
  const gone = shell('{ "$1" help; echo $? >&2; } | true');
  assert.equal(gone.stderr, '0\n');
  if (process.platform !== 'linux') return;
  const full = shell('"$1" version > /dev/full');
  assert.equal(full.status, 11);
  assert.match(full.stderr, /code=file-unwritable/);
});

test('an error outside every promise ends with 70, and with 255 where wal-fetch runs without the launcher', () => {
  const main = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));
  // A call that main.ts makes once its guards stand; the error comes when the command first waits for the disk.
  const preload =
    '--import=data:text/javascript,process.removeAllListeners=()=>{process.nextTick(()=>{throw(new(Error)("stray"))})}';
  for (const [command, status] of [
    [['backup-list'], 70],
    [['wal-fetch', '000000010000000000000001', '/tmp/RECOVERYXLOG'], 255],
  ] as const) {
    const env = { PATH: ownPath, WALWARDEN_PREFIX: 'file:///nonexistent/walwarden' };
    const result = spawnSync(process.execPath, [preload, main, ...command], { encoding: 'utf8', env });
    assert.deepEqual([result.status, result.stdout], [status, ''], result.stderr);
    assert.match(result.stderr, /stray/);
  }
});

test('work that nothing can finish any more is never taken for done', () => {
  const main = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));
  const preload =
    '--import=data:text/javascript,process.removeAllListeners=()=>{process.reallyExit(process.exitCode)}';
  const result = spawnSync(process.execPath, [preload, main, 'version'], { encoding: 'utf8' });
  assert.equal(result.status, 70, 'the status holds until the end is reached');
});
