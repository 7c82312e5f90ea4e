import { PipelineError } from '../../lib/core/errors.ts';
import type { Command, CommandRegistry } from '../command-line.ts';
import { nearest } from '../host/spelling.ts';

/** @throws 'usage-wrong' when there is no such command */
export const loadCommand = async (registry: CommandRegistry, name: string): Promise<Command> => {
  const load = Object.hasOwn(registry, name) ? registry[name] : undefined;
  if (load !== undefined) return load();
  const meant = nearest(name, Object.keys(registry));
  throw new PipelineError('usage-wrong', {
    message: `there is no command ${JSON.stringify(name)}`,
    hint:
      (meant === undefined ? '' : `Did you mean "walwarden ${meant}"? `) +
      '"walwarden help" lists the commands.',
  });
};
