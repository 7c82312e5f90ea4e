import type { Command } from '../command-line.ts';

/**
 * What PostgreSQL makes of restore_command's status (src/backend/access/transam/xlogarchive.c): 1 to 125 mean that the
 * file is not in the archive, and recovery ends there; above that recovery stops and can be started again.
 */
const provenAbsent = 1;
const unknown = 255;

export const command: Command = {
  name: 'wal-fetch',
  group: 'host',
  summary: 'fetch one WAL file (restore_command)',
  usage: 'NAME PATH',
  description:
    'Puts one WAL file at PATH, whole, checked and durable: restore_command = \'walwarden wal-fetch "%f" "%p"\'. Ends ' +
    'with 1 only when the archive provably has no such file, which tells PostgreSQL that the WAL ends there. ' +
    'Everything else that goes wrong ends with 255, after WALWARDEN_FETCH_RETRY_SECONDS of trying, and PostgreSQL ' +
    'stops instead of promoting too early.',
  options: {},
  foreignOptions: {
    prefetch: { type: 'string', short: 'p', doc: 'each call fetches the one file that PostgreSQL names' },
    'target-storage': { type: 'string', doc: 'there is one archive' },
  },
  arguments: [
    { name: 'NAME', doc: 'The WAL file to fetch, %f in restore_command.' },
    { name: 'PATH', doc: 'Where to put it, %p in restore_command.' },
  ],
  run: async (context) => {
    const [name = '', destination = ''] = context.arguments;
    const [{ withArchive }, { fetchWalFile }, { withRetries }] = await Promise.all([
      import('../archive/open-store.ts'),
      import('../wal/fetch.ts'),
      import('../host/retries.ts'),
    ]);
    const limits = { ...context, seconds: context.settings.fetchRetrySeconds };
    const outcome = await withRetries(limits, 'wal-fetch', () =>
      withArchive(context, (archive) => fetchWalFile(archive, name, destination)),
    );
    return outcome === 'fetched' ? 0 : provenAbsent;
  },
  exitStatusOf: () => unknown,
};
