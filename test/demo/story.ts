import { formatDuration } from '../../agent/host/output.ts';
import { shellQuoted } from '../support/agent.ts';

/** Where a story is told: the standard output, or a test's own ear. */
export type Output = {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
};

/** Tells what happens while it happens, in numbered steps. */
export type Story = {
  /** What stands above the first step and below the last one. */
  title(text: string): void;
  /** Words that belong to no step, wrapped. */
  note(text: string): void;
  /** A numbered step; everything told while `play` runs belongs to it. */
  step<Result>(title: string, play: () => Promise<Result>): Promise<Result>;
  /** What happened, in words, wrapped. */
  say(text: string): void;
  /** A command as a person would type it, broken between its words where it is too long. */
  command(words: readonly string[]): void;
  /** A command that is told as it is written, for what is no list of words. */
  commandText(text: string): void;
  /** Lines that stay as they are: a file's content, a table. */
  lines(text: string): void;
};

const mostColumns = 96;
const stepIndent = '   ';

export const openStory = (
  output: Output,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Story => {
  const isColoured =
    output.isTTY === true && (environment.NO_COLOR ?? '') === '' && environment.TERM !== 'dumb';
  const paint = (text: string, code: number): string =>
    isColoured ? `\u001b[${code}m${text}\u001b[0m` : text;
  const columns = Math.max(40, Math.min(output.columns || 80, mostColumns));
  const write = (line: string): void => {
    output.write(`${line}\n`);
  };
  const commandLines = ([first = '', ...rest]: readonly string[]): void => {
    write(`${stepIndent}${paint('$', 2)} ${paint(first, bold)}`);
    for (const line of rest) write(`${stepIndent}  ${paint(line, bold)}`);
  };
  let steps = 0;
  return {
    title: (text) => write(`\n${paint(text.replaceAll(noBreak, ' '), bold)}`),
    note: (text) => {
      for (const line of wrapped(text.split(' '), columns)) write(line);
    },
    step: (title, play) => {
      steps += 1;
      write(`\n${paint(`${steps}. ${title}`, bold)}`);
      return play();
    },
    say: (text) => {
      for (const line of wrapped(text.split(' '), columns - stepIndent.length)) write(stepIndent + line);
    },
    command: (words) => commandLines(typedCommand(words, columns - stepIndent.length - 2)),
    commandText: (text) => commandLines([text]),
    lines: (text) => {
      for (const line of text.split('\n')) write(`${stepIndent}${line}`.trimEnd());
    },
  };
};

const bold = 1;
const noBreak = '\u00a0';

/** The same text, to be told on one line: a time, an amount. */
export const unbroken = (text: string): string => text.replaceAll(' ', noBreak);

/** Greedy, and a word that is longer than the line stands alone. */
const wrapped = (words: readonly string[], columns: number): readonly string[] => {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((each) => each.replaceAll(noBreak, ' '));
};

/** A word as a POSIX shell takes it, quoted only where it has to be. */
export const shellWord = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : shellQuoted(word));

/**
 * A command that works when it is pasted, on as many lines as it needs. An option stays beside its value: a word that
 * begins with a dash takes the next one along, unless that looks like an option itself.
 */
export const typedCommand = (words: readonly string[], columns: number): readonly string[] => {
  const pieces: string[] = [];
  for (const [index, word] of words.entries()) {
    const isValue = words[index - 1]?.startsWith('-') && (!word.startsWith('-') || word.includes(' '));
    const before = isValue ? pieces.pop() : undefined;
    pieces.push(before === undefined ? shellWord(word) : `${before} ${shellWord(word)}`);
  }
  const continued = '  ';
  const lines = wrapped(pieces, columns - continued.length - 2);
  return lines.map(
    (line, index) => `${index === 0 ? '' : continued}${line}${index === lines.length - 1 ? '' : ' \\'}`,
  );
};

/** Runs something and says how long it took, in words such as `1.4 s` that stay on one line. */
export const timed = async <Result>(
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly took: string }> => {
  const begin = performance.now();
  const result = await work();
  return { result, took: unbroken(formatDuration((performance.now() - begin) / 1000)) };
};
