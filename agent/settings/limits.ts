import { byteSize, wholeNumber } from './kinds.ts';
import { optional, preset, type Take } from './setting.ts';

/** How much of the machine and of its time a command may take. */
export const limitTable = {
  networkRate: optional({
    variable: 'WALWARDEN_NETWORK_RATE',
    group: 'limits',
    kind: byteSize(64 * 2 ** 10, 2 ** 40),
    doc: 'The most bytes a second that one command sends to or takes from a bucket.',
  }),
  diskRate: optional({
    variable: 'WALWARDEN_DISK_RATE',
    group: 'limits',
    kind: byteSize(64 * 2 ** 10, 2 ** 40),
    doc: 'The most bytes a second that backup-push reads from the data directory.',
  }),
  walDeadlineSeconds: preset({
    variable: 'WALWARDEN_WAL_DEADLINE_SECONDS',
    group: 'limits',
    kind: wholeNumber(1, 86_400, 'seconds'),
    preset: { text: '900', value: () => 900 },
    doc: 'The longest that one wal-push or wal-fetch may take, whatever it waits for.',
  }),
  commandDeadlineSeconds: optional({
    variable: 'WALWARDEN_COMMAND_DEADLINE_SECONDS',
    group: 'limits',
    kind: wholeNumber(1, 31_536_000, 'seconds'),
    doc: 'The longest that any other command may take; left out, as long as it takes.',
  }),
} as const;

export const readLimitSettings = (take: Take) => ({
  networkRate: take(limitTable.networkRate),
  diskRate: take(limitTable.diskRate),
  walDeadlineSeconds: take(limitTable.walDeadlineSeconds),
  commandDeadlineSeconds: take(limitTable.commandDeadlineSeconds),
});
