/** Where a setting belongs in the documentation and in `walwarden help settings`. */
export type SettingGroup =
  | 'archive'
  | 's3'
  | 'aws'
  | 'encryption'
  | 'wal'
  | 'backup'
  | 'limits'
  | 'postgres'
  | 'log'
  | 'launcher';

/** What a text turned out to mean, or why it means nothing: a phrase that completes "NAME ...". */
export type Parsed<Value> = { readonly value: Value } | { readonly problem: string };

/** A kind of value: how its type is named for people, and how its text is read. */
export type Kind<Value> = {
  readonly type: string;
  readonly parse: (text: string) => Parsed<Value>;
};

/** One row of the table of settings. `Value` includes `undefined` where there is no default. */
export type Setting<Value> = {
  readonly variable: string;
  readonly group: SettingGroup;
  readonly kind: Kind<Value>;
  /** What holds when the variable is not set, and how the documentation writes it. */
  readonly preset: { readonly text: string; readonly value: () => Value };
  /** True when neither its value nor a part of it may be shown, not even when it is wrong. */
  readonly secret: boolean;
  /** One sentence for `walwarden help settings`; docs/configuration.md says more. */
  readonly doc: string;
};

type Row = {
  readonly variable: string;
  readonly group: SettingGroup;
  readonly doc: string;
  readonly secret?: true;
};

/** A setting that may be left out and then has no value. */
export const optional = <Value>(row: Row & { readonly kind: Kind<Value> }): Setting<Value | undefined> => ({
  ...row,
  secret: row.secret ?? false,
  preset: { text: 'none', value: () => undefined },
});

/** A setting that always has a value. */
export const preset = <Value>(
  row: Row & {
    readonly kind: Kind<Value>;
    readonly preset: { readonly text: string; readonly value: () => Value };
  },
): Setting<Value> => ({ ...row, secret: row.secret ?? false });

/** Reads one setting from where the settings come from, and notes the problem when its text is wrong. */
export type Take = <Value>(setting: Setting<Value>) => Value;

/** A variable's text and, for people, the place that it came from. */
export type Entry = { readonly value: string; readonly origin: string };

/** What the texts of the settings came from, by the names of the variables. */
export type Environment = ReadonlyMap<string, Entry>;
