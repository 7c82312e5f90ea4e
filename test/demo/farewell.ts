import { join } from 'node:path';
import { clusterUser } from '../support/cluster-user.ts';
import { postgresBinary } from '../support/postgres-parts.ts';
import { projectRoot } from '../support/staging.ts';
import type { Scene } from './scene.ts';
import { type Story, shellWord, typedCommand } from './story.ts';

/** What one can do with a demo that was kept, as commands with full paths that work when they are pasted. */
export const lookAround = (scene: Scene, story: Story, isWhole: boolean): void => {
  const removal: Offer = ['Remove everything:', ['rm', '-rf', scene.directory]];
  story.title(`Kept in ${scene.directory}, its servers stopped`);
  for (const [purpose, words] of isWhole ? [...offersOf(scene), removal] : [removal]) {
    if (purpose !== undefined) story.note(purpose);
    for (const line of typedCommand(words, 96)) story.lines(line);
  }
};

/** What for, where that is not the same as above, and the command. */
type Offer = readonly [string | undefined, readonly string[]];

const offersOf = ({ major, places }: Scene): readonly Offer[] => {
  const agent = join(projectRoot, 'agent', 'walwarden');
  const node = join(projectRoot, 'node_modules', '.bin', 'node');
  const rescue = join(places.clusters, 'rescue');
  const pgCtl = postgresBinary(major, 'pg_ctl');
  return [
    ['The backups:', [agent, '--env-dir', places.settings, 'backup-list']],
    ['The files of the archive:', ['find', places.archive, '-type', 'f']],
    [
      'Start the rescued cluster:',
      [
        ...asClusterUser,
        pgCtl,
        ...['start', '-w', '-D', rescue, '-l', `${rescue}-kept.log`],
        ...['-o', `-k ${shellWord(rescue)} -c archive_mode=off`],
      ],
    ],
    [
      "Ask it, with psql or, where there is none, with the demo's own client:",
      ['psql', '-h', rescue, '-U', 'postgres', '-d', 'shop', '-c', exampleSql],
    ],
    [undefined, [node, join(import.meta.dirname, 'query.ts'), rescue, 'shop', exampleSql]],
    ['Stop it:', [...asClusterUser, pgCtl, 'stop', '-D', rescue]],
  ];
};

const exampleSql = 'select * from orders order by id desc limit 3';

/** PostgreSQL does not run as root. */
const asClusterUser: readonly string[] =
  clusterUser === undefined
    ? []
    : process.platform === 'linux'
      ? ['setpriv', `--reuid=${clusterUser.uid}`, `--regid=${clusterUser.gid}`, '--clear-groups']
      : ['sudo', '-u', `#${clusterUser.uid}`];
