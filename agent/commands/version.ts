import type { Command } from '../command-line.ts';
import { agentVersion } from '../version.ts';

export const command: Command = {
  name: 'version',
  group: 'general',
  summary: 'tell the version',
  usage: '',
  description: 'Tells the version of walwarden, of the Node that runs it, and the platform.',
  options: {},
  arguments: [],
  run: async ({ print }) => {
    print(`walwarden ${agentVersion} (node ${process.version}, ${process.platform}-${process.arch})`);
  },
};
