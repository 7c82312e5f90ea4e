import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLog } from '../../../agent/host/log.ts';
import { progressTo } from '../../../agent/host/progress.ts';
import { openTerminal } from '../../../agent/host/terminal.ts';

const openScene = (stream: { readonly isTTY: boolean; readonly columns?: number }) => {
  let nowMs = 0;
  const written: string[] = [];
  const terminal = openTerminal({ ...stream, write: (text) => written.push(text) });
  const clock = { now: () => new Date(nowMs), sleep: async () => {} };
  const log = openLog({
    clock,
    pid: 1,
    format: 'json',
    level: 'info',
    colours: false,
    writeLine: terminal.writeLine,
  });
  return {
    written,
    log,
    progress: progressTo({ terminal, log, clock }),
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
};

const eraseLine = '\r\u001b[2K';
const mebibyte = 2 ** 20;

test('on a terminal a bar with rate and time left is drawn at most five times a second', () => {
  const { written, progress, pass } = openScene({ isTTY: true, columns: 100 });
  const { advance, finish } = progress({ label: 'backup-push', totalBytes: 100 * mebibyte });
  for (let step = 0; step < 1000; step += 1) {
    pass(1);
    advance(mebibyte / 20);
  }
  assert.equal(written.length, 5);
  assert.equal(
    written.at(-1),
    `${eraseLine}backup-push  40% [##############.....................] 40.0 MiB / 100.0 MiB  50.0 MiB/s  1.2 s left`,
  );
  finish();
  assert.equal(written.at(-1), eraseLine, 'the bar is taken away at the end');
});

test('the bar never reaches the last column, however narrow the terminal is', () => {
  for (const columns of [1, 5, 20, 40, 60, 80, 200]) {
    const { written, progress, pass } = openScene({ isTTY: true, columns });
    const { advance } = progress({ label: 'backup-push', totalBytes: 2 ** 50 });
    for (const bytes of [1, 2 ** 49, 2 ** 51]) {
      pass(1000);
      advance(bytes);
    }
    for (const text of written) assert(text.slice(eraseLine.length).length < columns, `${columns}: ${text}`);
  }
});

test('log lines stand above the bar', () => {
  const { written, log, progress, pass } = openScene({ isTTY: true, columns: 60 });
  const { advance } = progress({ label: 'x', totalBytes: 10 });
  pass(1000);
  advance(5);
  const bar = written.at(-1)?.slice(eraseLine.length);
  log.info('event');
  assert(written.at(-1)?.startsWith(`${eraseLine}{`));
  assert(written.at(-1)?.endsWith(`}\n${bar}`));
});

test('elsewhere a line is logged every 30 seconds, and none for short work', () => {
  const { written, progress, pass } = openScene({ isTTY: false });
  const { advance, finish } = progress({ label: 'backup-push', totalBytes: 1000 });
  for (let second = 1; second <= 65; second += 1) {
    pass(1000);
    advance(10);
  }
  finish();
  assert.equal(written.length, 2);
  const { action, state, bytes, totalBytes, percent, rate, leftSeconds } = JSON.parse(written[1] ?? '');
  assert.deepEqual(
    { action, state, bytes, totalBytes, percent, rate, leftSeconds },
    {
      action: 'backup-push',
      state: 'progress',
      bytes: 600,
      totalBytes: 1000,
      percent: 60,
      rate: 10,
      leftSeconds: 40,
    },
  );
});

test('the rate is that of the last seconds, and work beyond the estimate is all of it', () => {
  const { written, progress, pass } = openScene({ isTTY: true, columns: 100 });
  const { advance } = progress({ label: 'x', totalBytes: 10 * mebibyte });
  for (let second = 0; second < 30; second += 1) {
    pass(1000);
    advance(mebibyte);
  }
  assert.match(written.at(-1) ?? '', /100% .* 30\.0 MiB \/ 30\.0 MiB {2}1\.0 MiB\/s {2}0\.0 s left/);
  for (let second = 0; second < 20; second += 1) {
    pass(1000);
    advance(0);
  }
  assert.match(written.at(-1) ?? '', / 0 B\/s$/, 'a stall shows');
});

test('nothing to do is all done, and an end is the end', () => {
  const { written, progress, pass } = openScene({ isTTY: true, columns: 100 });
  const { advance, finish } = progress({ label: 'x', totalBytes: 0 });
  pass(1000);
  advance(0);
  assert.match(written.at(-1) ?? '', /100%/);
  finish();
  finish();
  pass(1000);
  advance(1);
  assert.equal(written.length, 2);
});
