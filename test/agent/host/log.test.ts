import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openLog } from '../../../agent/host/log.ts';
import type { LogFormat } from '../../../agent/host/log-format.ts';

const clock = { now: () => new Date('2026-01-02T03:04:05.678Z'), sleep: async () => {} };

const openTestLog = (format: LogFormat, colours = false) => {
  const lines: string[] = [];
  const log = openLog({
    clock,
    pid: 42,
    format,
    level: 'info',
    colours,
    writeLine: (line) => lines.push(line),
  });
  return { log, lines };
};

test('an event in logfmt has time, level, action, state, the facts, and the process', () => {
  const { log, lines } = openTestLog('logfmt');
  log.info('wal-push', { state: 'complete', key: 'wal_005/00.lz4', bytes: 16_777_216, seconds: 0.5 });
  assert.deepEqual(lines, [
    'time=2026-01-02T03:04:05.678Z level=info action=wal-push state=complete key=wal_005/00.lz4 ' +
      'bytes=16777216 seconds=0.5 rate=33554432 pid=42',
  ]);
});

test('an event in JSON keeps integers of 64 bits as they are and leaves out what is undefined', () => {
  const { log, lines } = openTestLog('json');
  log.warn(
    'x',
    { systemIdentifier: 18_446_744_073_709_551_615n, key: undefined, share: Number.NaN },
    'a "b"',
  );
  assert.deepEqual(lines, [
    '{"time":"2026-01-02T03:04:05.678Z","level":"warn","action":"x","message":"a \\"b\\"",' +
      '"systemIdentifier":18446744073709551615,"share":null,"pid":42}',
  ]);
});

test('pretty is for people: units, and the hint on a line of its own', () => {
  const { log, lines } = openTestLog('pretty');
  log.error('wal-push', { state: 'fail', bytes: 16_777_216, seconds: 2, hint: 'Do this.' }, 'it broke');
  assert.deepEqual(lines, [
    '03:04:05 error wal-push fail bytes=16.0MiB seconds=2.0s rate=8.0MiB/s - it broke\n               hint: Do this.',
  ]);
});

test('colours are there only when they are asked for', () => {
  const dull = openTestLog('pretty');
  dull.log.info('x', { a: 1 });
  assert(!dull.lines.join().includes('\u001b'));
  const bright = openTestLog('pretty', true);
  bright.log.info('x', { a: 1 });
  assert(bright.lines.join().includes('\u001b[36m'));
});

test('events below the level are not written, and the level and format may change', () => {
  const { log, lines } = openTestLog('logfmt');
  log.debug('quiet');
  log.configure({ format: 'json', level: 'debug' });
  log.debug('heard');
  log.configure({ format: 'json', level: 'error' });
  log.warn('quiet');
  assert.equal(lines.length, 1);
  assert.equal(JSON.parse(lines[0] ?? '').action, 'heard');
});

test('a child carries its facts into every event, and the configuration of its parent', () => {
  const { log, lines } = openTestLog('logfmt');
  const child = log.child({ backup: 'base_1' }).child({ part: 'part_001' });
  log.configure({ format: 'json', level: 'info' });
  child.info('x', { part: 'part_002' });
  const { backup, part } = JSON.parse(lines[0] ?? '');
  assert.deepEqual({ backup, part }, { backup: 'base_1', part: 'part_002' });
});

test('a secret is hidden in facts, messages and actions, also percent-encoded and inside another secret', () => {
  for (const format of ['json', 'logfmt', 'pretty'] as const) {
    const { log, lines } = openTestLog(format);
    log.hide('s3cr/t "x"');
    log.hide('s3cr/t "x" and more');
    log.hide('ab');
    log.error(
      'at s3cr/t "x"',
      { url: 'postgres://u:s3cr%2Ft%20%22x%22@h', short: 'ab', word: 'cab' },
      's3cr/t "x" and more',
    );
    const [line = ''] = lines;
    assert.doesNotMatch(line, /s3cr|and more/);
    assert.match(line, /cab/, 'two letters are hidden only where they stand alone');
    assert.equal(line.split('***').length - 1, 4, line);
  }
});

test('a fact never takes the place of a field that every event has', () => {
  const { log, lines } = openTestLog('json');
  log.info('x', { time: 'never', level: 'fatal', pid: 1 });
  assert.deepEqual(JSON.parse(lines[0] ?? ''), {
    time: '2026-01-02T03:04:05.678Z',
    level: 'info',
    action: 'x',
    pid: 42,
  });
});

/** A reader of logfmt after the rules of github.com/go-logfmt/logfmt. */
const parseLogfmt = (line: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...line.matchAll(/([^\s="]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))/gu)].map(
      ([, name = '', quoted, bare = '']) => [
        name,
        quoted === undefined ? bare : JSON.parse(`"${quoted.replace(/\\u\{([0-9a-f]+)\}/g, '\\u0000')}"`),
      ],
    ),
  );

test('whatever a fact holds, logfmt and JSON keep it on one line and give it back', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '',
      ' ',
      '"',
      '\\',
      '\n',
      '\r\n',
      '\u2028',
      '\u0085',
      'a=b',
      '\u001b[2J',
      '\u202e',
      '\\u000a',
      'x\\',
    ),
  );
  fc.assert(
    fc.property(text, text, (value, message) => {
      for (const format of ['json', 'logfmt'] as const) {
        const { log, lines } = openTestLog(format);
        log.info('x', { value }, message);
        const [line = ''] = lines;
        assert.doesNotMatch(line, /[\p{Cc}\p{Zl}\p{Zp}]/u);
        const read = format === 'json' ? JSON.parse(line) : parseLogfmt(line);
        // Beyond the basic plane invisible marks are shown as no logfmt reader undoes them.
        if (format === 'logfmt' && /\\u\{/.test(line)) continue;
        assert.deepEqual(
          [read.value, read.message, read.pid],
          [value, message, format === 'json' ? 42 : '42'],
        );
      }
    }),
  );
});
