import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isPipelineError } from '../../lib/core/errors.ts';
import { parseJson } from '../../lib/core/json.ts';

/** The variables that a configuration file of WAL-G sets. */
export type ConfigFile = {
  readonly path: string;
  readonly variables: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
};

/** Far more than any configuration. */
const mostBytes = 1024 * 1024;

/** WAL-G's default place. */
export const defaultConfigFile = (): string => join(homedir(), '.walg.json');

/**
 * Reads a configuration file as WAL-G does in JSON: an object whose names are variables. What WAL-G allows besides, YAML
 * and other formats, is a problem that says what to do instead.
 */
export const readConfigFile = (path: string): ConfigFile => {
  const nothing = (problem: string): ConfigFile => ({ path, variables: new Map(), problems: [problem] });
  let text: string;
  try {
    const facts = statSync(path);
    if (!facts.isFile()) return nothing(`${path} is not a regular file`);
    if (facts.size > mostBytes) return nothing(`${path} is longer than ${mostBytes} bytes`);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return nothing(
      `the configuration file ${path} cannot be read: ${error instanceof Error ? error.message : error}`,
    );
  }
  if (!text.trimStart().startsWith('{')) {
    return nothing(
      `${path} is not a JSON object, and walwarden reads configuration files in JSON only: put each setting into a ` +
        'file of its own in a directory for --env-dir, or write the file as JSON',
    );
  }
  try {
    return variablesOf(path, parseJson(text, path));
  } catch (error) {
    // The parser's message names the place but may quote what stands there, which may be a secret.
    if (isPipelineError(error)) return nothing(`${path} is not valid JSON`);
    throw error;
  }
};

const variablesOf = (path: string, content: ReturnType<typeof parseJson>): ConfigFile => {
  const variables = new Map<string, string>();
  for (const [name, value] of Object.entries(content ?? {})) {
    // Names are upper case in the environment; WAL-G's library does not tell the cases apart in a file.
    const variable = name.toUpperCase();
    if (value === null) continue;
    // Only settings that are ignored anyway are objects or lists (WALG_FAILOVER_STORAGES).
    variables.set(variable, typeof value === 'object' ? '(an object)' : String(value));
  }
  return { path, variables, problems: [] };
};
