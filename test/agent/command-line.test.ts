import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Command, parseCommandLine, readGlobalOptions } from '../../agent/command-line.ts';
import { commandHelp } from '../../agent/commands/help.ts';
import { commands } from '../../agent/commands/index.ts';
import { loadCommand } from '../../agent/commands/load.ts';
import { isPipelineError } from '../../lib/core/errors.ts';

const sample: Command = {
  name: 'sample',
  group: 'operator',
  summary: 'sample',
  usage: '[--mark] [--name TEXT] [--map OLD=NEW]... FIRST [SECOND]',
  description: 'A sample.',
  options: {
    mark: { type: 'boolean', doc: 'Mark.' },
    name: { type: 'string', value: 'TEXT', doc: 'Name.' },
    map: { type: 'string', value: 'OLD=NEW', multiple: true, doc: 'Map.' },
  },
  arguments: [
    { name: 'FIRST', doc: 'First.' },
    { name: 'SECOND', doc: 'Second.', optional: true },
  ],
  run: async () => {},
};

const refusalOf = (...line: readonly string[]): string => {
  try {
    parseCommandLine(sample, line);
  } catch (error) {
    assert(isPipelineError(error, 'usage-wrong'));
    return `${error.message} | ${error.hint}`;
  }
  return assert.fail(`${line.join(' ')} was taken`);
};

test('options and arguments are told apart wherever they stand', () => {
  const line = ['--env-dir', '/e', 'sample', '--map', 'a=b', 'one', '--mark', '--map=c=d', '--', '--two'];
  const { options, arguments: given } = parseCommandLine(sample, line);
  assert.deepEqual(given, ['one', '--two']);
  assert.equal(options.boolean('mark'), true);
  assert.equal(options.string('name'), undefined);
  assert.deepEqual(options.strings('map'), ['a=b', 'c=d']);
  assert.equal(readGlobalOptions(line).envDirectory, '/e');
  assert.equal(readGlobalOptions(line).commandName, 'sample');
});

test('the global options are found behind the command too', () => {
  const globals = readGlobalOptions(['wal-push', 'pg_wal/x', '--log-format=json', '--env-dir', '/e', '-h']);
  assert.deepEqual(
    [globals.commandName, globals.logFormat, globals.envDirectory, globals.isHelpAskedFor],
    ['wal-push', 'json', '/e', true],
  );
});

test('a line that cannot be understood is refused with what to do instead', () => {
  const usage = 'Usage: walwarden sample [--mark]';
  for (const [line, pattern] of [
    [['sample'], /^sample: FIRST is missing/],
    [['sample', 'a', 'b', 'c'], /no place for the argument "c"/],
    [['sample', 'a', '--nmae', 'x'], /no option --nmae \| Did you mean --name\?/],
    [['sample', 'a', '-x'], /no option -x/],
    [['sample', 'a', '--name'], /--name needs a value/],
    [
      ['sample', 'a', '--name', '--mark'],
      /--name needs a value and is followed by --mark \| .*--name=--mark/,
    ],
    [['sample', 'a', '--mark=yes'], /--mark takes no value/],
    [['sample', 'a', '--name=x', '--name=y'], /--name is given more than once/],
    [['sample', 'a', '--constructor'], /no option --constructor/],
  ] as const) {
    assert.match(refusalOf(...line), pattern);
    assert(refusalOf(...line).includes(usage));
  }
});

test('asking for an option that the command does not have is a mistake of ours', () => {
  const { options } = parseCommandLine(sample, ['sample', 'a']);
  assert.throws(() => options.string('mark'), TypeError);
});

test('a command that is not there is refused with the nearest one, and no name reaches into objects', async () => {
  const hintOf = (name: string) =>
    loadCommand(commands, name).then(
      () => assert.fail(`${name} was found`),
      (error: unknown) => (isPipelineError(error, 'usage-wrong') ? error.hint : assert.fail(String(error))),
    );
  assert.match((await hintOf('wal-puhs')) ?? '', /Did you mean "walwarden wal-push"\?/);
  assert.doesNotMatch((await hintOf('constructor')) ?? '', /Did you mean/);
  await hintOf('__proto__');
});

test('every command has the name it is found by, and its help says everything', async () => {
  for (const [name, load] of Object.entries(commands)) {
    const command = await load();
    assert.equal(command.name, name);
    assert.match(command.description, /\.$/);
    const help = commandHelp(command);
    for (const option of Object.keys(command.options))
      assert(help.includes(`--${option}`), `${name} --${option}`);
    for (const argument of command.arguments)
      assert(command.usage.includes(argument.name), `${name} ${argument.name}`);
    const optional = command.arguments.map((argument) => argument.optional === true);
    assert.deepEqual(optional, [...optional].sort(), `${name} has its optional arguments last`);
    for (const line of help.split('\n').slice(1)) assert(line.length <= 100, line);
  }
});
