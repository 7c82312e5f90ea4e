import type { Inheritance } from './inherit.ts';
import { mask } from './secret.ts';
import type { Environment } from './setting.ts';
import { settingTable } from './settings.ts';

/** One setting as it is in force. Secrets are masked. */
export type SettingInForce = {
  readonly name: string;
  readonly value: string;
  /** Where the value came from; `undefined` for a default. */
  readonly from: string | undefined;
};

export type SettingsReport = {
  readonly settings: readonly SettingInForce[];
  readonly inherited: readonly {
    readonly name: string;
    readonly as: readonly string[];
    readonly from: string;
  }[];
  readonly ignored: readonly { readonly name: string; readonly reason: string; readonly from: string }[];
};

/** What is in force and why. Settings without a value and without a default are left out. */
export const reportSettings = (
  environment: Environment,
  inheritance: readonly Inheritance[],
): SettingsReport => ({
  settings: settingTable.flatMap(({ variable, secret, preset }): readonly SettingInForce[] => {
    const entry = environment.get(variable);
    if (entry !== undefined && entry.value !== '') {
      return [{ name: variable, value: secret ? mask : entry.value, from: entry.origin }];
    }
    return preset.value() === undefined ? [] : [{ name: variable, value: preset.text, from: undefined }];
  }),
  inherited: inheritance.flatMap((one) =>
    one.outcome === 'taken' ? [{ name: one.name, as: one.variables, from: one.origin }] : [],
  ),
  ignored: inheritance.flatMap((one) =>
    one.outcome === 'taken' ? [] : [{ name: one.name, reason: one.reason, from: one.origin }],
  ),
});

/** The report for people. */
export const formatReport = ({ settings, inherited, ignored }: SettingsReport): string => {
  const section = (heading: string, rows: readonly (readonly string[])[]): readonly string[] =>
    rows.length === 0 ? [] : [`${heading}:\n${table(rows)}`];
  return [
    ...section(
      'In force',
      settings.map(({ name, value, from }) => [name, oneLine(value), from ?? 'default']),
    ),
    ...section(
      'Taken from WAL-G and WAL-E',
      inherited.map(({ name, as, from }) => [name, `as ${as.join(', ')}`, from]),
    ),
    ...section(
      'Ignored',
      ignored.map(({ name, reason, from }) => [name, reason, from]),
    ),
  ].join('\n\n');
};

const oneLine = (value: string): string => (/\p{Cc}/u.test(value) ? JSON.stringify(value) : value);

const table = (rows: readonly (readonly string[])[]): string => {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
    .join('\n');
};
