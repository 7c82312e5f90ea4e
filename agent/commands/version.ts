import manifest from '../../package.json' with { type: 'json' };
import type { Command } from '../command-line.ts';

export const command: Command = {
  name: 'version',
  group: 'general',
  summary: 'tell the version',
  usage: '',
  description: 'Tells the version of walwarden, of the Node that runs it, and the platform.',
  options: {},
  arguments: [],
  run: async ({ print }) => {
    print(`walwarden ${manifest.version} (node ${process.version}, ${process.platform}-${process.arch})`);
  },
};
