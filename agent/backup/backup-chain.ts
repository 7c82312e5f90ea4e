import { PipelineError } from '../../lib/core/errors.ts';
import { formatLsn } from '../../lib/core/wal/lsn.ts';
import type { Backup } from './backups.ts';

const broken = (message: string): PipelineError =>
  new PipelineError('backup-damaged', {
    message,
    hint: 'A delta backup is worth nothing without the backups below it; restore a full one ("walwarden backup-list").',
  });

/**
 * The backups that a backup consists of, the full one first, itself last: a delta of WAL-G holds only what changed
 * since its parent. Each link is checked, because WAL-G names a backup by its first segment, so a parent may have been
 * overwritten by another backup of the same name.
 *
 * @throws 'backup-damaged'
 */
export const backupChain = (backups: readonly Backup[], newest: Backup): readonly Backup[] => {
  const byName = new Map(backups.map((backup) => [backup.name, backup]));
  const chain: Backup[] = [newest];
  for (let child = newest; child.sentinel.delta !== undefined; ) {
    const { from, fromLsn } = child.sentinel.delta;
    const parent = byName.get(from);
    if (parent === undefined)
      throw broken(`${child.name} is a delta of ${from}, which is not in the archive`);
    if (chain.includes(parent)) throw broken(`${newest.name} is a delta of itself, by way of ${from}`);
    const { startLsn, systemIdentifier } = parent.sentinel;
    if (startLsn !== undefined && startLsn !== fromLsn) {
      throw broken(
        `${child.name} is a delta of a ${from} that began at ${formatLsn(fromLsn)}, ` +
          `but the one in the archive began at ${formatLsn(startLsn)}`,
      );
    }
    const childIdentifier = child.sentinel.systemIdentifier;
    if (
      systemIdentifier !== undefined &&
      childIdentifier !== undefined &&
      systemIdentifier !== childIdentifier
    ) {
      throw broken(`${child.name} is a delta of ${from}, which is of another cluster`);
    }
    chain.unshift(parent);
    child = parent;
  }
  const fullName = newest.sentinel.delta?.fullName ?? newest.name;
  if (chain[0]?.name === fullName) return chain;
  throw broken(`${newest.name} stands on ${fullName}, but its parents lead to ${chain[0]?.name}`);
};
