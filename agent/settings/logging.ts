import { oneOf, text } from './kinds.ts';
import { optional, preset, type Take } from './setting.ts';

export const logTable = {
  logFormat: optional({
    variable: 'WALWARDEN_LOG_FORMAT',
    group: 'log',
    kind: oneOf('json', 'logfmt', 'pretty'),
    doc: 'How log lines are written; left out, pretty on a terminal and logfmt elsewhere.',
  }),
  logLevel: preset({
    variable: 'WALWARDEN_LOG_LEVEL',
    group: 'log',
    kind: oneOf('debug', 'info', 'warn', 'error'),
    preset: { text: 'info', value: () => 'info' as const },
    doc: 'The least severe events that are written.',
  }),
} as const;

/** Read by agent/walwarden before there is a Node to read the rest; named here so that it is known and documented. */
export const launcherTable = {
  node: optional({
    variable: 'WALWARDEN_NODE',
    group: 'launcher',
    kind: text,
    doc: 'The Node to run with; left out, the one that npm installed beside walwarden, then the one on PATH.',
  }),
} as const;

export const readLogSettings = (take: Take) => ({
  logFormat: take(logTable.logFormat),
  logLevel: take(logTable.logLevel),
});
