/** `npm run demo`: a real PostgreSQL is archived and backed up, loses a table, and gets it back. */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { availableMajors } from '../support/postgres-parts.ts';
import { lookAround } from './farewell.ts';
import { playAll } from './play.ts';
import { openScene, type Scene } from './scene.ts';
import { openStory, type Story, timed } from './story.ts';

const help = `Usage: npm run demo [-- --keep]

Starts a real PostgreSQL in a temporary directory, archives and backs it up with walwarden, drops a
table, recovers a second cluster to the moment before, and proves that the rows are back. It ends
with status 0 only if they are.

  --keep   leave the directory with the archive and the clusters, and say how to look around
  --help   this text

Everything that it makes lies in one directory under ${'$'}{TMPDIR:-/tmp}, which is removed at the end, also
after a failure and Ctrl-C.
`;

const optionsFrom = (line: readonly string[]): { readonly keep: boolean; readonly help: boolean } => {
  try {
    const { values } = parseArgs({
      args: [...line],
      options: { keep: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    });
    return { keep: values.keep === true, help: values.help === true };
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n${help}`);
    process.exit(2);
  }
};

/** What went wrong, and what the servers had to say; the agent's own lines are part of its error. */
const reportFailure = (error: unknown, scene: Scene): void => {
  // A plain Error was worded for people; of anything else it matters where it came from.
  const isWorded = error instanceof Error && error.constructor === Error;
  const message = isWorded ? error.message : error instanceof Error ? `${error.stack}` : String(error);
  process.stderr.write(`\ndemo: failed: ${message}\n`);
  // A server that somebody killed logs nothing about it.
  for (const name of scene.stoppedServers()) process.stderr.write(`\nthe server of ${name} is not running\n`);
  for (const [name, lines] of scene.serverLogs()) {
    if (message.includes(`the log of ${name} ends with`)) continue;
    process.stderr.write(`\nthe log of ${name} ends with\n${lines}\n`);
  }
};

const play = async (scene: Scene, story: Story): Promise<boolean> => {
  try {
    await playAll({ scene, story });
    return true;
  } catch (error) {
    reportFailure(error, scene);
    return false;
  } finally {
    await scene.close();
  }
};

const options = optionsFrom(process.argv.slice(2));
if (options.help) {
  process.stdout.write(help);
  process.exit(0);
}
const major = availableMajors.at(-1);
if (major === undefined) {
  process.stderr.write(
    `demo: there is no PostgreSQL package for ${process.platform} ${process.arch}, or it is not installed; ` +
      'see test/parts/package.json for the platforms that have one, and run `npm run parts`\n',
  );
  process.exit(1);
}

const story = openStory(process.stdout);
const scene = openScene({ major, isKept: options.keep });
// After what removes it: listeners are called in their order.
process.on('exit', (status) => {
  if (status <= 128) return;
  const state = existsSync(scene.directory) ? 'is left as it was' : 'and its servers are gone';
  process.stderr.write(`\ndemo: interrupted; ${scene.directory} ${state}\n`);
});
story.title('walwarden demo: a shop loses a table, and gets it back');
story.note(`Paths are those of a real host; here all of them lie in ${scene.directory}.`);
const { result: isPlayed, took } = await timed(() => play(scene, story));
if (isPlayed) story.title(`Done in ${took}.${options.keep ? '' : ` ${scene.directory} is removed.`}`);
if (options.keep) lookAround(scene, story, isPlayed);
process.exitCode = isPlayed ? 0 : 1;
