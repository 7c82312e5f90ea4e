/** What a setting of WAL-G or WAL-E means here. */
export type Meaning =
  /** Texts of our own variables. */
  | { readonly take: Readonly<Record<string, string>> }
  /** It changes nothing here; the reason completes "ignored, because". */
  | { readonly ignore: string }
  /** To go on without it would write an archive that is not what its owner asked for; a full problem. */
  | { readonly refuse: string };

/** Looks another variable up, ours or theirs; one that is set to nothing counts as not set. */
export type Find = (variable: string) => string | undefined;

/** One row of the table. Of its names the first that is set counts. */
export type InheritedSetting = {
  readonly names: readonly string[];
  /** What it turns into, as the documentation says it; empty for what is only ever ignored or refused. */
  readonly variables: readonly string[];
  readonly secret: boolean;
  readonly meaning: (value: string, find: Find) => Meaning;
};

/** One row, with its meaning spelt out. */
export const setting = (
  names: readonly string[],
  variables: readonly string[],
  meaning: InheritedSetting['meaning'],
  secret = false,
): InheritedSetting => ({ names, variables, secret, meaning });

/** WAL-G looks its storage settings up with both prefixes (GetWaleCompatibleSettingFrom in internal/config). */
export const both = (name: string): readonly string[] => [`WALG_${name}`, `WALE_${name}`];
/** Those, and the name without a prefix. */
export const bare = (name: string): readonly string[] => [...both(name), name];

/** The same text under a name of ours. */
export const same = (names: readonly string[], variable: string, secret = false): InheritedSetting =>
  setting(names, [variable], (value) => ({ take: { [variable]: value } }), secret);

/** Known names that change nothing here. */
export const ignored = (reason: string, ...names: readonly string[]): readonly InheritedSetting[] =>
  names.map((name) => setting([name], [], () => ({ ignore: reason })));

/** The same, for texts that must not be seen. */
export const ignoredSecrets = (reason: string, ...names: readonly string[]): readonly InheritedSetting[] =>
  names.map((name) => setting([name], [], () => ({ ignore: reason }), true));
