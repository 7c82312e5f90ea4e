/**
 * Runs every test file, or with words as arguments those whose path contains one of them. Files that never touch
 * PostgreSQL run first. Ends with one summary over all of them; a temporary file left behind is a failure too.
 */
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { run } from 'node:test';
import { spec, type TestEvent } from 'node:test/reporters';
import { endOrphans } from './support/orphans.ts';
import { projectRoot, stagedRoot } from './support/staging.ts';
import { temporaryDirectory } from './support/temporary.ts';
import { findVersitygw, tellVersitygw } from './support/versitygw.ts';
import { eventually } from './support/waiting.ts';

const fileTimeoutMs = 10 * 60_000;
const slowestShown = 8;
const demandsParts = process.env.WALWARDEN_DEMAND_PARTS === '1';
const testRoot = join(projectRoot, 'test');

/** The counts of node's summary, in its order; node ends every run with these lines, and we end with their sums. */
const countNames = ['tests', 'suites', 'pass', 'fail', 'cancelled', 'skipped', 'todo'] as const;
const counts = new Map<string, number>(countNames.map((name) => [name, 0]));
const fileMs = new Map<string, number>();
const missingParts: string[] = [];
/**
 * Skips that no installation would undo, and tools whose objects are here as fixtures, so that running them anew is only a
 * second opinion. Any other skip is a missing part.
 */
const excusedSkips = /^(no package for this platform|not possible here|second opinion)\b/;

const findTests = (words: readonly string[]): readonly string[] =>
  readdirSync(testRoot, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts') && !path.split('/').includes('node_modules'))
    .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
    .map((path) => join(testRoot, path))
    .sort();

/** True when the file is that support file, or one of test/ that it imports is. */
const needs = (file: string, support: string, seen: Set<string> = new Set()): boolean => {
  if (file === join(testRoot, 'support', support)) return true;
  if (seen.has(file) || !file.startsWith(testRoot)) return false;
  seen.add(file);
  const imports = readFileSync(file, 'utf8').matchAll(/from '(\.[^']+\.ts)'/g);
  return [...imports].some(([, path = '']) => needs(resolve(dirname(file), path), support, seen));
};

/** Keeps count of an event; false for the closing lines of one run, which would come once for each run. */
const isNews = ({ type, data }: TestEvent): boolean => {
  if (type === 'test:summary') {
    if (data.file !== undefined) fileMs.set(data.file, data.duration_ms);
    return data.file !== undefined;
  }
  if (type === 'test:pass' && typeof data.skip === 'string') {
    if (!excusedSkips.test(data.skip)) missingParts.push(`${data.name}: ${data.skip}`);
  } else if (type === 'test:pass' && data.skip === true) {
    missingParts.push(data.name);
  }
  if (type !== 'test:diagnostic' || data.nesting !== 0 || data.file !== undefined) return true;
  const [, name = '', count = ''] = /^(\w+) ([\d.]+)$/.exec(data.message) ?? [];
  const sum = counts.get(name);
  if (sum === undefined) return name !== 'duration_ms';
  counts.set(name, sum + Number(count));
  return false;
};

async function* eventsOf(
  groups: readonly (readonly string[])[],
  signal: AbortSignal,
): AsyncGenerator<TestEvent> {
  let closing: TestEvent | undefined;
  for (const files of groups) {
    // Without files node would look for tests by its own patterns.
    if (files.length === 0 || signal.aborted) continue;
    const events: AsyncIterable<TestEvent> = run({
      files: [...files],
      concurrency: availableParallelism(),
      timeout: fileTimeoutMs,
      signal,
    });
    for await (const event of events) {
      if (isNews(event)) yield event;
      else if (event.type === 'test:summary') closing = event;
    }
  }
  // The reporter answers it with all failures once more.
  if (closing !== undefined) yield closing;
}

/** What the tests should have removed: whatever lies in their temporary directory but our own staged copy. */
const leftBehind = (): readonly string[] =>
  readdirSync(temporary)
    .map((name) => join(temporary, name))
    .filter((path) => path !== process.env.WALWARDEN_STAGED_ROOT);

const report = (heading: string, lines: readonly string[]): void => {
  if (lines.length > 0) process.stdout.write(`${heading}\n${lines.map((line) => `  ${line}\n`).join('')}\n`);
};

const begin = performance.now();
const files = findTests(process.argv.slice(2));
if (files.length === 0) {
  process.stderr.write(
    `run: no test file has one of these words in its path: ${process.argv.slice(2).join(' ')}\n`,
  );
  process.exit(1);
}

// Everything temporary of this run goes into one directory, open to the cluster's user, that is looked through at the end.
const temporary = temporaryDirectory();
chmodSync(temporary, 0o1777);
process.env.TMPDIR = temporary;
const withPostgres = files.filter((file) => needs(file, 'postgres-parts.ts'));
const withoutPostgres = files.filter((file) => !withPostgres.includes(file));
if (withPostgres.length > 0) process.env.WALWARDEN_STAGED_ROOT = stagedRoot();
// The first time it is built, for a minute or two, which no test file has in its own time.
if (files.some((file) => needs(file, 'versitygw.ts'))) tellVersitygw(await findVersitygw());

// The first Ctrl-C ends the tests in good order; a second one meets the handler in temporary.ts alone and ends us too.
const interruption = new AbortController();
const handlers = process.listeners('SIGINT');
process.removeAllListeners('SIGINT');
process.once('SIGINT', () => {
  interruption.abort();
  for (const handler of handlers) process.on('SIGINT', handler);
});

await pipeline(
  Readable.from(eventsOf([withoutPostgres, withPostgres], interruption.signal)),
  new spec(),
  process.stdout,
  { end: false },
);

const slowest = [...fileMs].sort(([, a], [, b]) => b - a).slice(0, slowestShown);
report(
  'slowest files',
  slowest.map(([file, ms]) => `${(ms / 1000).toFixed(1).padStart(6)} s  ${relative(projectRoot, file)}`),
);

// Node does not wait for a test file that it had to end; what that file still removes was not left behind.
await eventually('the removal of temporary files', () => leftBehind().length === 0, {
  timeoutMs: 2_000,
}).catch(() => report('left behind by a test', leftBehind()));
report('servers that had to be ended', endOrphans(temporary));
report(
  demandsParts ? 'skipped, though WALWARDEN_DEMAND_PARTS=1' : 'skipped, because something is missing here',
  missingParts,
);
for (const [name, count] of counts) process.stdout.write(`\u2139 ${name} ${count}\n`);
process.stdout.write(`\u2139 duration_ms ${(performance.now() - begin).toFixed(0)}\n`);

const isFailed =
  (counts.get('fail') ?? 0) + (counts.get('cancelled') ?? 0) > 0 ||
  leftBehind().length > 0 ||
  interruption.signal.aborted ||
  (demandsParts && missingParts.length > 0);
process.exit(isFailed ? 1 : 0);
