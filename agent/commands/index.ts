import type { CommandRegistry } from '../command-line.ts';

/** Every command that there is, in the order of the help. */
export const commands: CommandRegistry = {
  help: async () => (await import('./help.ts')).helpCommand(commands),
  version: async () => (await import('./version.ts')).command,
};
