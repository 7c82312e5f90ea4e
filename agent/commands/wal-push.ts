import type { Command } from '../command-line.ts';

export const command: Command = {
  name: 'wal-push',
  group: 'host',
  summary: 'archive one WAL file (archive_command)',
  usage: 'PATH',
  description:
    'Archives one WAL file and ends with 0 only when it is durable in the archive: archive_command = \'walwarden wal-push "%p"\'. ' +
    'Archiving the same content again is a success; other content under a name that is archived already is an error, and ' +
    'nothing is ever overwritten. The first push claims the archive for its cluster.',
  options: {},
  foreignOptions: {
    'pool-size': { type: 'string', short: 'p', doc: 'each call archives the one file that PostgreSQL names' },
    'target-storage': { type: 'string', doc: 'there is one archive' },
  },
  arguments: [{ name: 'PATH', doc: 'The file to archive, %p in archive_command.' }],
  run: async (context) => {
    const [path = ''] = context.arguments;
    const [{ withArchive }, { pushWalFile }, { withRetries }] = await Promise.all([
      import('../archive/open-store.ts'),
      import('../wal/push.ts'),
      import('../host/retries.ts'),
    ]);
    const limits = { ...context, seconds: context.settings.pushRetrySeconds };
    await withRetries(limits, 'wal-push', () =>
      withArchive(context, (archive) => pushWalFile(archive, path)),
    );
  },
};
