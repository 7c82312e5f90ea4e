import { PipelineError } from '../errors.ts';
import { formatLsn, type Lsn } from '../wal/lsn.ts';
import type { TimelineId } from '../wal/segment.ts';
import { recoveryTargetTime } from './target-time.ts';

/** Where recovery is to stop. Without a target it replays all the WAL there is. */
export type RecoveryTarget =
  /** As PostgreSQL writes times: '2026-11-21 04:22:00.5+00'. Without a zone it is read in the server's `TimeZone`. */
  | { readonly kind: 'time'; readonly text: string }
  | { readonly kind: 'lsn'; readonly lsn: Lsn }
  /** As pg_current_xact_id() gives it, or its low 32 bits, which are all that PostgreSQL compares. */
  | { readonly kind: 'xid'; readonly xid: bigint }
  /** A restore point that pg_create_restore_point made. */
  | { readonly kind: 'name'; readonly name: string }
  /** As soon as the base backup is consistent. */
  | { readonly kind: 'immediate' };

export type RecoveryOptions = {
  readonly restoreCommand: string;
  readonly target?: RecoveryTarget | undefined;
  /** PostgreSQL's own default is 'latest'. */
  readonly timeline?: 'latest' | 'current' | TimelineId | undefined;
  /** What to do at the target; PostgreSQL's own default is 'pause'. */
  readonly action?: 'pause' | 'promote' | 'shutdown' | undefined;
  /** Whether what lies exactly at the target is still replayed; PostgreSQL's own default is yes. */
  readonly isInclusive?: boolean | undefined;
  /** Stay a standby that goes on asking for WAL, instead of recovering once. */
  readonly isStandby: boolean;
};

export type RecoverySettings = {
  /** An empty file of this name in PGDATA makes PostgreSQL recover. Of the two only this one may be there. */
  readonly signalFile: 'recovery.signal' | 'standby.signal';
  /** For postgresql.auto.conf, without newlines. */
  readonly lines: readonly string[];
};

// MAXFNAMELEN in src/include/access/xlog_internal.h, its final NUL taken off.
const maxNameBytes = 63;
// FirstNormalTransactionId in src/include/access/transam.h; the ones before it are no transactions that commit.
const firstXid = 3n;

const invalid = (message: string, hint: string): PipelineError =>
  new PipelineError('value-invalid', { message, hint });

/**
 * A value between quotes for a configuration file (guc-file.l: quotes are doubled, backslashes begin escapes). A line
 * break cannot be in one: ALTER SYSTEM refuses it too, and would be unable to write the file back.
 */
const quoted = (value: string, what: string): string => {
  if (/[\n\r\0]/.test(value)) {
    throw invalid(`${what} holds a line break or a NUL`, 'A PostgreSQL setting is one line of text.');
  }
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
};

/** @throws 'value-invalid' unless a decimal transaction number of 32 or 64 bits that can belong to a transaction */
export const parseTransactionId = (text: string): bigint =>
  checkXid(/^\d{1,20}$/.test(text) ? BigInt(text) : 0n, text);

const checkXid = (xid: bigint, text: string): bigint => {
  if (xid >= 1n << 64n || xid < 0n || (xid & 0xffff_ffffn) < firstXid) {
    throw invalid(
      `${JSON.stringify(text.slice(0, 40))} is no transaction to recover to`,
      'Give the decimal number that pg_current_xact_id() showed.',
    );
  }
  return xid;
};

const checkName = (name: string): string => {
  const nameBytes = Buffer.byteLength(name);
  if (nameBytes < 1 || nameBytes > maxNameBytes) {
    throw invalid(
      `a restore point's name has 1 to ${maxNameBytes} bytes, not ${nameBytes}`,
      'Give the name that pg_create_restore_point was called with.',
    );
  }
  return name;
};

const targetLine = (target: RecoveryTarget): string => {
  switch (target.kind) {
    case 'time':
      return `recovery_target_time = ${quoted(recoveryTargetTime(target.text), 'the target time')}`;
    case 'lsn':
      return `recovery_target_lsn = '${formatLsn(target.lsn)}'`;
    case 'xid':
      return `recovery_target_xid = '${checkXid(target.xid, String(target.xid))}'`;
    case 'name':
      return `recovery_target_name = ${quoted(checkName(target.name), 'the name of the restore point')}`;
    case 'immediate':
      return "recovery_target = 'immediate'";
  }
};

const hasBorder = (target: RecoveryTarget | undefined): boolean =>
  target?.kind === 'time' || target?.kind === 'lsn' || target?.kind === 'xid';

/**
 * What makes PostgreSQL 12 and later recover as asked (the manual, section "Archive Recovery" and "Recovery Target").
 *
 * @throws 'value-invalid' for a value that PostgreSQL would refuse or read as another one, and for options that would
 *   have no effect: an action without a target, or a border where the target has none
 */
export const recoverySettings = (options: RecoveryOptions): RecoverySettings => {
  const { restoreCommand, target, timeline, action, isInclusive } = options;
  if (restoreCommand.trim() === '') {
    throw invalid(
      'the restore_command is empty',
      'Without one PostgreSQL cannot fetch WAL from the archive.',
    );
  }
  if (action !== undefined && target === undefined) {
    throw invalid(
      `the action ${action} needs a recovery target`,
      'Give a target, or leave the action out: at the end of the WAL PostgreSQL promotes.',
    );
  }
  if (isInclusive !== undefined && !hasBorder(target)) {
    throw invalid(
      `a target of kind ${target?.kind ?? 'none'} is neither inclusive nor exclusive`,
      'Only a time, an LSN and a transaction have a border.',
    );
  }
  return {
    signalFile: options.isStandby ? 'standby.signal' : 'recovery.signal',
    lines: [
      `restore_command = ${quoted(restoreCommand, 'the restore_command')}`,
      ...(target === undefined ? [] : [targetLine(target)]),
      ...(isInclusive === undefined ? [] : [`recovery_target_inclusive = ${isInclusive ? 'on' : 'off'}`]),
      ...(timeline === undefined ? [] : [`recovery_target_timeline = '${timeline}'`]),
      ...(action === undefined ? [] : [`recovery_target_action = '${action}'`]),
    ],
  };
};

// Names are compared without case, the equals sign is optional, and a quote may follow at once (guc-file.l).
const recoverySetting = /^[ \t\r\f\v]*(recovery_target(?:_[a-z]+)?|restore_command)(?![\w.$\u0080-\uffff])/i;

/**
 * The names of the recovery settings that a configuration file sets, for a warning: a target in postgresql.conf cannot
 * be undone from postgresql.auto.conf, and PostgreSQL refuses to start with two.
 */
export const recoverySettingsIn = (configuration: string): readonly string[] =>
  configuration.split('\n').flatMap((line) => recoverySetting.exec(line)?.[1]?.toLowerCase() ?? []);

/**
 * postgresql.auto.conf with the recovery settings replaced: those it had came from an earlier recovery or from the
 * server that was backed up. Every other line, and their order, stays. Applying it twice gives the same text.
 */
export const withRecoverySettings = (autoConf: string, settings: RecoverySettings): string => {
  const kept = autoConf.split('\n').filter((line) => !recoverySetting.test(line));
  if (kept.at(-1) === '') kept.pop();
  return [...kept, ...settings.lines, ''].join('\n');
};
