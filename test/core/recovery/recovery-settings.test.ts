import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  parseTransactionId,
  type RecoveryOptions,
  recoverySettings,
  recoverySettingsIn,
  withRecoverySettings,
} from '../../../lib/core/recovery/recovery-settings.ts';
import { parseLsn } from '../../../lib/core/wal/lsn.ts';
import { parseTimelineId } from '../../../lib/core/wal/segment.ts';
import { refusal } from '../wal/arbitraries.ts';

const base: RecoveryOptions = { restoreCommand: 'walwarden wal-fetch %f %p', isStandby: false };
const invalid = (message: RegExp) => refusal('value-invalid', message);

const linesOf = (options: Partial<RecoveryOptions>): readonly string[] =>
  recoverySettings({ ...base, ...options }).lines.slice(1);

test('without a target the cluster recovers to the end of the WAL', () => {
  assert.deepEqual(recoverySettings(base), {
    signalFile: 'recovery.signal',
    lines: ["restore_command = 'walwarden wal-fetch %f %p'"],
  });
});

test('a standby has the other signal file, and may have a target too', () => {
  assert.equal(recoverySettings({ ...base, isStandby: true }).signalFile, 'standby.signal');
  assert.deepEqual(linesOf({ isStandby: true, target: { kind: 'immediate' } }), [
    "recovery_target = 'immediate'",
  ]);
});

test('each kind of target has its own setting', () => {
  assert.deepEqual(linesOf({ target: { kind: 'time', text: ' 2026-11-21 04:22:00.5+00 ' } }), [
    "recovery_target_time = '2026-11-21 04:22:00.5+00'",
  ]);
  assert.deepEqual(linesOf({ target: { kind: 'lsn', lsn: parseLsn('16/b374d848') } }), [
    "recovery_target_lsn = '16/B374D848'",
  ]);
  assert.deepEqual(linesOf({ target: { kind: 'xid', xid: (7n << 32n) + 742n } }), [
    "recovery_target_xid = '30064771814'",
  ]);
  assert.deepEqual(linesOf({ target: { kind: 'name', name: "before o'clock \\" } }), [
    "recovery_target_name = 'before o''clock \\\\'",
  ]);
  assert.deepEqual(linesOf({ target: { kind: 'immediate' } }), ["recovery_target = 'immediate'"]);
});

test('timeline, border and action go with the target', () => {
  const target = { kind: 'lsn', lsn: parseLsn('0/1') } as const;
  assert.deepEqual(linesOf({ target, timeline: parseTimelineId(7), action: 'promote', isInclusive: false }), [
    "recovery_target_lsn = '0/1'",
    'recovery_target_inclusive = off',
    "recovery_target_timeline = '7'",
    "recovery_target_action = 'promote'",
  ]);
  assert.deepEqual(linesOf({ timeline: 'current' }), ["recovery_target_timeline = 'current'"]);
  assert(linesOf({ target, isInclusive: true }).includes('recovery_target_inclusive = on'));
});

test('quotes and backslashes of a command reach PostgreSQL as they are', () => {
  // PostgreSQL 17 answered `postgres -C restore_command` with exactly this command.
  const { lines } = recoverySettings({
    ...base,
    restoreCommand: `w --env-dir '/etc/w w' "%f" \\n 'x' \\\\ é`,
  });
  assert.deepEqual(lines, [`restore_command = 'w --env-dir ''/etc/w w'' "%f" \\\\n ''x'' \\\\\\\\ é'`]);
});

test('an option that would have no effect is refused', () => {
  assert.throws(() => linesOf({ action: 'promote' }), invalid(/the action promote needs a recovery target/));
  assert.throws(
    () => linesOf({ isInclusive: true }),
    invalid(/kind none is neither inclusive nor exclusive/),
  );
  for (const target of [{ kind: 'immediate' }, { kind: 'name', name: 'x' }] as const) {
    assert.throws(() => linesOf({ target, isInclusive: false }), invalid(/is neither/));
  }
});

test('values that PostgreSQL would refuse are refused before it starts', () => {
  for (const restoreCommand of ['', '  ', 'a\nb', 'a\rb', 'a\0b']) {
    assert.throws(() => recoverySettings({ ...base, restoreCommand }), invalid(/the restore_command/));
  }
  for (const name of ['', 'é'.repeat(32), 'x'.repeat(64)]) {
    assert.throws(() => linesOf({ target: { kind: 'name', name } }), invalid(/has 1 to 63 bytes, not/));
  }
  assert.equal(linesOf({ target: { kind: 'name', name: 'x'.repeat(63) } }).length, 1);
  assert.throws(() => linesOf({ target: { kind: 'name', name: 'a\nb' } }), invalid(/line break/));
  for (const xid of [0n, 1n, 2n, -1n, (1n << 32n) + 2n, (1n << 64n) + 742n]) {
    assert.throws(() => linesOf({ target: { kind: 'xid', xid } }), invalid(/is no transaction/));
  }
});

test('transactions are read as 32 or 64 bits, in decimal only', () => {
  assert.equal(parseTransactionId('742'), 742n);
  assert.equal(parseTransactionId('4294967295'), 4_294_967_295n);
  assert.equal(parseTransactionId('18446744073709551615'), (1n << 64n) - 1n);
  for (const text of [
    '',
    '0',
    '2',
    '-3',
    '0x2e6',
    '742 ',
    '18446744073709551616',
    '4294967296',
    '9'.repeat(21),
  ]) {
    assert.throws(() => parseTransactionId(text), invalid(/is no transaction to recover to/), text);
  }
});

const settings = recoverySettings({ ...base, target: { kind: 'immediate' } });

test('earlier recovery settings leave postgresql.auto.conf, and everything else stays', () => {
  const autoConf = [
    '# Do not edit this file manually!',
    "shared_buffers = '1GB'",
    "restore_command = 'old'",
    "recovery_target_time = '2020-01-01'",
    "  RECOVERY_TARGET_XID='7'",
    "\trecovery_target_name'x'",
    "recovery_target 'immediate'",
    'recovery_target_inclusive off\r',
    "recovery_target_lsn = '0/1' # why",
    "#restore_command = 'commented'",
    "restore_command_of.mine = 'x'",
    "restore_commands = 'x'",
    "recovery_min_apply_delay = '1h'",
    '',
  ].join('\n');
  assert.equal(
    withRecoverySettings(autoConf, settings),
    [
      '# Do not edit this file manually!',
      "shared_buffers = '1GB'",
      "#restore_command = 'commented'",
      "restore_command_of.mine = 'x'",
      "restore_commands = 'x'",
      "recovery_min_apply_delay = '1h'",
      "restore_command = 'walwarden wal-fetch %f %p'",
      "recovery_target = 'immediate'",
      '',
    ].join('\n'),
  );
});

test('a file that is empty or lacks its last newline gains whole lines', () => {
  const ours = `${settings.lines.join('\n')}\n`;
  assert.equal(withRecoverySettings('', settings), ours);
  assert.equal(withRecoverySettings("a = 'b'", settings), `a = 'b'\n${ours}`);
  assert.equal(withRecoverySettings("a = 'b'\n\n", settings), `a = 'b'\n\n${ours}`);
});

test('whatever was there, one recovery target is left, and doing it again changes nothing', () => {
  const line = fc.constantFrom(
    "recovery_target_time = 'x'",
    "Recovery_Target_Lsn='0/1'",
    "restore_command = ''",
    '',
    "work_mem = '4MB'",
    '# x',
  );
  fc.assert(
    fc.property(fc.array(line), fc.boolean(), (lines, hasFinalNewline) => {
      const once = withRecoverySettings(lines.join('\n') + (hasFinalNewline ? '\n' : ''), settings);
      assert.deepEqual(recoverySettingsIn(once), ['restore_command', 'recovery_target']);
      assert.equal(withRecoverySettings(once, settings), once);
    }),
  );
});

test('recovery settings that another file would add are found', () => {
  assert.deepEqual(
    recoverySettingsIn(
      "#recovery_target_xid = '1'\nport = 1\nRecovery_Target_Time = 'x'\nrestore_command = 'y'",
    ),
    ['recovery_target_time', 'restore_command'],
  );
  assert.deepEqual(recoverySettingsIn(''), []);
});
