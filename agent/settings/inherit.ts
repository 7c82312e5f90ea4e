import { inheritedTable } from './inherited.ts';
import type { InheritedSetting } from './inherited-row.ts';
import type { Entry, Environment } from './setting.ts';

/** What became of one setting of WAL-G or WAL-E. Its value is not in it, because it may be a secret. */
export type Inheritance = {
  readonly name: string;
  readonly origin: string;
} & (
  | { readonly outcome: 'taken'; readonly variables: readonly string[] }
  | { readonly outcome: 'ignored' | 'refused'; readonly reason: string }
);

export type Inherited = {
  /** The environment with our own variables that came out of theirs. */
  readonly environment: Environment;
  readonly inheritance: readonly Inheritance[];
};

/** Whoever set one of these meant WAL-G or WAL-E. */
const theirNames = /^(WALG|WALE)_/;

/** Reads the settings of WAL-G and WAL-E in an environment as ours, where ours are not set. */
export const inherit = (environment: Environment): Inherited => {
  const taken = new Map<string, Entry>(environment);
  const isSet = (name: string): boolean => (environment.get(name)?.value ?? '') !== '';
  const inheritance = inheritedTable.flatMap((row) =>
    row.names.filter(isSet).map((name) => inheritOne(row, name, { environment, taken })),
  );
  const known = new Set(inheritedTable.flatMap(({ names }) => names));
  const unknown = [...environment]
    .filter(([name]) => theirNames.test(name) && !known.has(name) && isSet(name))
    .map(([name, { origin }]): Inheritance => {
      return { name, origin, outcome: 'ignored', reason: 'walwarden does not know it' };
    });
  return { environment: taken, inheritance: [...inheritance, ...unknown] };
};

const inheritOne = (
  row: InheritedSetting,
  name: string,
  { environment, taken }: { readonly environment: Environment; readonly taken: Map<string, Entry> },
): Inheritance => {
  const { value, origin } = environment.get(name) ?? { value: '', origin: '' };
  const textOf = (entry: Entry | undefined): string | undefined => entry?.value || undefined;
  const meaning = row.meaning(value, (variable) => textOf(environment.get(variable)));
  if ('ignore' in meaning) return { name, origin, outcome: 'ignored', reason: meaning.ignore };
  if ('refuse' in meaning) return { name, origin, outcome: 'refused', reason: meaning.refuse };
  const variables: string[] = [];
  const obstacles: string[] = [];
  for (const [variable, text] of Object.entries(meaning.take)) {
    const present = taken.get(variable);
    if (textOf(present) === undefined) {
      taken.set(variable, { value: text, origin: `${name} of ${origin}` });
      variables.push(variable);
    } else {
      obstacles.push(`${variable} is set by ${present?.origin}`);
    }
  }
  return variables.length > 0
    ? { name, origin, outcome: 'taken', variables }
    : { name, origin, outcome: 'ignored', reason: obstacles.join(', ') };
};

/** What of theirs must not be passed over in silence. */
export const inheritanceProblems = (inheritance: readonly Inheritance[]): readonly string[] =>
  inheritance.flatMap((one) =>
    one.outcome === 'refused' ? [`${one.name} ${one.reason} (from ${one.origin})`] : [],
  );

/** The texts of their secrets, for the log to hide. */
export const inheritedSecretTexts = (environment: Environment): readonly string[] =>
  inheritedTable.flatMap(({ secret, names }) =>
    secret ? names.flatMap((name) => environment.get(name)?.value || []) : [],
  );
