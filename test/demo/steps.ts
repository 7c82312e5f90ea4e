import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { formatTable } from '../../agent/host/output.ts';
import type { Cluster } from '../support/cluster.ts';
import type { Scene } from './scene.ts';
import { lastOrder, openShop, shopContent, shopDatabase, type TableContent, takeOrders } from './shop.ts';
import { type Story, timed, unbroken } from './story.ts';

/** What a step has to play with. */
export type Play = { readonly scene: Scene; readonly story: Story };

/** The moment that is recovered to, and what the shop held then. */
export type Moment = { readonly time: string; readonly content: readonly TableContent[] };

/** Tells a command of the agent, runs it and says what it printed and how long it took. */
const runAgent = async (
  { scene, story }: Play,
  words: readonly string[],
  connection?: Readonly<Record<string, string>>,
): Promise<{ readonly stdout: string; readonly took: string }> => {
  story.command(['walwarden', '--env-dir', scene.places.settings, ...words].map(scene.told));
  const { result, took } = await timed(() => scene.agent(words, connection));
  return { stdout: scene.told(result.stdout.trimEnd()), took };
};

export const makeSettings = ({ scene, story }: Play): Promise<void> =>
  story.step('Settings: a directory with one file for each', async () => {
    const prefix = `file://${scene.places.archive}`;
    story.commandText(scene.told(`echo ${prefix} > ${join(scene.places.settings, 'WALWARDEN_PREFIX')}`));
    scene.writeSetting('WALWARDEN_PREFIX', prefix);
  });

export const startArchiving = ({ scene, story }: Play): Promise<Cluster> =>
  story.step(`PostgreSQL ${scene.major} archives its WAL`, async () => {
    story.say('In postgresql.conf of a new cluster:');
    story.lines(
      scene.told(
        `  archive_mode = on\n  archive_command = '${scene.archiveCommand}'\n  archive_timeout = 60`,
      ),
    );
    const { result: main, took } = await timed(async () => {
      const cluster = await scene.createMain({ archive_timeout: '60' });
      story.command(['pg_ctl', 'start', '-D', scene.told(cluster.dataDirectory)]);
      await cluster.start();
      return cluster;
    });
    story.say(`initdb and start took ${took}. A shop opens: database "${shopDatabase}".`);
    await openShop(main, 1_000);
    story.lines(contentTable(await shopContent(main)));
    return main;
  });

export const takeBackup = (play: Play, main: Cluster): Promise<string> =>
  play.story.step('A base backup, while the shop is open', async () => {
    const { stdout, took } = await runAgent(play, ['backup-push'], main.env());
    play.story.say(`${stdout}: taken in ${took}, all WAL that it needs included.`);
    return stdout;
  });

export const goOn = ({ story }: Play, main: Cluster): Promise<Moment> =>
  story.step('Business goes on; everything since the backup is in the WAL alone', async () => {
    for (const orders of [250, 150, 100]) await takeOrders(main, orders);
    story.say(`500 more orders. The last one: ${await lastOrder(main)}.`);
    const content = await shopContent(main);
    story.lines(contentTable(content));
    const time = await main.text('select clock_timestamp()::text');
    story.say(`All is well at ${unbroken(time)}. Remember that time, and these checksums.`);
    return { time, content };
  });

export const loseTable = ({ story }: Play, main: Cluster): Promise<void> =>
  story.step('The disaster', async () => {
    story.commandText(`psql ${shopDatabase} -c 'drop table orders'`);
    await main.exec('drop table orders', shopDatabase);
    const complaint = await main.exec('select count(*) from orders', shopDatabase).then(
      () => {
        throw new Error('the table orders is still there after it was dropped');
      },
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    story.say(`The shop now hears: ERROR: ${complaint}.`);
    const segment = await main.switchWal();
    const { took } = await timed(() =>
      main.waitFor(`(select last_archived_wal >= '${segment}' from pg_stat_archiver)`),
    );
    const count = await main.text('select archived_count from pg_stat_archiver');
    story.say(
      `WAL up to ${segment} is in the archive (${took} after the segment ended; ${count} files so far). ` +
        'Here the segment is ended by hand; on a real host archive_timeout ends it within a minute.',
    );
  });

export const recover = (play: Play, moment: Moment): Promise<Cluster> =>
  play.story.step('The rescue: a second cluster, recovered to the moment before', async () => {
    const { scene, story } = play;
    const dataDirectory = join(scene.places.clusters, 'rescue');
    const fetched = await runAgent(play, [
      'backup-fetch',
      dataDirectory,
      'LATEST',
      ...['--target-time', moment.time],
      ...['--target-action', 'promote'],
    ]);
    story.say(`Every file was checked against the backup's manifest on the way; it took ${fetched.took}.`);
    story.command(['pg_ctl', 'start', '-D', scene.told(dataDirectory), '-o', '-c archive_mode=off']);
    const rescue = scene.adopt(dataDirectory, { archive_mode: 'off' });
    const { took } = await timed(async () => {
      await rescue.start();
      await rescue.waitFor('not pg_is_in_recovery()');
    });
    story.say(
      `After ${took} it takes connections as a primary. Its log has the reason why it is before the drop:`,
    );
    story.lines(
      `  ${/recovery stopping before .*/.exec(rescue.log())?.[0] ?? 'nothing about a recovery target'}`,
    );
    story.say('archive_mode is off, because the archive belongs to main, which still runs.');
    return rescue;
  });

/** @throws Error unless every table holds what it held at the moment */
export const proveRows = ({ story }: Play, rescue: Cluster, moment: Moment): Promise<void> =>
  story.step('The proof', async () => {
    const content = await shopContent(rescue);
    story.lines(contentTable(content));
    if (!isDeepStrictEqual(content, moment.content)) {
      throw new Error(
        `the recovered tables differ from those before the drop, which were\n${contentTable(moment.content)}`,
      );
    }
    story.say(`Every row is back: counts and checksums are those of ${unbroken(moment.time)}.`);
    story.say(`The last order is again ${await lastOrder(rescue)}.`);
  });

export const listBackups = (play: Play): Promise<void> =>
  play.story.step('What the archive can offer', async () => {
    const { stdout } = await runAgent(play, ['backup-list']);
    play.story.lines(stdout);
  });

const contentTable = (content: readonly TableContent[]): string =>
  formatTable(
    [{ heading: 'table' }, { heading: 'rows', align: 'right' }, { heading: 'checksum' }],
    content.map(({ table, rows, checksum }) => [table, String(rows), checksum]),
  )
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
