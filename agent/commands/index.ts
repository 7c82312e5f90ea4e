import type { CommandRegistry } from '../command-line.ts';

/** Every command that there is, in the order of the help. */
export const commands: CommandRegistry = {
  'wal-push': async () => (await import('./wal-push.ts')).command,
  'wal-fetch': async () => (await import('./wal-fetch.ts')).command,
  'backup-push': async () => (await import('./backup-push.ts')).command,
  'backup-fetch': async () => (await import('./backup-fetch.ts')).command,
  'backup-list': async () => (await import('./backup-list.ts')).command,
  'backup-show': async () => (await import('./backup-show.ts')).command,
  'backup-mark': async () => (await import('./backup-mark.ts')).command,
  delete: async () => (await import('./delete.ts')).command,
  'wal-show': async () => (await import('./wal-show.ts')).command,
  'wal-verify': async () => (await import('./wal-verify.ts')).command,
  adopt: async () => (await import('./adopt.ts')).command,
  copy: async () => (await import('./copy.ts')).command,
  claim: async () => (await import('./claim.ts')).command,
  settings: async () => (await import('./settings.ts')).command,
  help: async () => (await import('./help.ts')).helpCommand(commands),
  version: async () => (await import('./version.ts')).command,
};
