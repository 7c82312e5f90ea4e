import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { openStory, typedCommand, unbroken } from './story.ts';

/** Tells one step to an output of that kind and returns what was written. */
const toldTo = async (
  output: { readonly isTTY?: boolean; readonly columns?: number },
  environment: Readonly<Record<string, string>>,
  say = 'A word or two.',
): Promise<string> => {
  let written = '';
  const write = (text: string): void => {
    written += text;
  };
  const story = openStory({ ...output, write }, environment);
  await story.step('A step', async () => {
    story.command(['walwarden', 'backup-list']);
    story.say(say);
  });
  return written;
};

test('a story is told in colour only on a terminal, and never where NO_COLOR is set', async () => {
  const colour = '\u001b';
  assert((await toldTo({ isTTY: true }, {})).includes(colour), 'on a terminal');
  assert(!(await toldTo({}, {})).includes(colour), 'into a file');
  assert(!(await toldTo({ isTTY: true }, { NO_COLOR: '1' })).includes(colour), 'with NO_COLOR');
  assert(!(await toldTo({ isTTY: true }, { TERM: 'dumb' })).includes(colour), 'on a terminal that has none');
});

test('words are wrapped to the terminal, and what belongs together stays on one line', async () => {
  const words = `${'It took a while, all in all. '.repeat(5)}It ended after ${unbroken('12 min 05 s')} at last.`;
  for (const columns of [40, 60, 80]) {
    const lines = (await toldTo({ columns }, {}, words)).split('\n');
    assert(
      lines.every((line) => line.length <= columns),
      `every line has room in ${columns} columns`,
    );
    assert(
      lines.some((line) => line.includes('12 min 05 s')),
      `in ${columns} columns`,
    );
  }
});

test('a command that is broken over lines is the same command when it is pasted', () => {
  const words = [
    'printf',
    '<%s>\n',
    ...[
      '--target-time',
      '2026-11-21 04:22:00+00',
      '--plain',
      '--other',
      "it's 100 %p",
      '$HOME',
      '',
      'a;b',
      '*',
    ],
  ];
  for (const columns of [10, 24, 40, 200]) {
    const typed = typedCommand(words, columns).join('\n');
    const { stdout } = spawnSync('sh', ['-c', typed], { encoding: 'utf8', cwd: '/' });
    assert.deepEqual(
      stdout.split('\n').slice(0, -1),
      words.slice(2).map((word) => `<${word}>`),
      typed,
    );
  }
});

test('an option of a command stays beside its value', () => {
  const lines = typedCommand(['pg_ctl', 'start', '-D', '/main', '-o', '-c archive_mode=off'], 26);
  assert.deepEqual(lines, ['pg_ctl start -D /main \\', "  -o '-c archive_mode=off'"]);
});
