import type { Branded } from '../brand.ts';
import { PipelineError } from '../errors.ts';

/** A place in the write-ahead log: bytes since the cluster's WAL began, 0 .. 2^64-1 (PostgreSQL's XLogRecPtr). */
export type Lsn = Branded<bigint, 'Lsn'>;

const lsnLimit = 1n << 64n;

// src/backend/utils/adt/pg_lsn.c, pg_lsn_in_internal: one to eight hexadecimal digits on each side, any case.
const lsnText = /^[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}$/;

/** @throws 'value-invalid' outside 0 .. 2^64-1 */
export const lsnOf = (value: bigint): Lsn => {
  if (value < 0n || value >= lsnLimit) {
    throw new PipelineError('value-invalid', {
      message: `${value} is no LSN: it must lie between 0 and ${lsnLimit - 1n}`,
    });
  }
  return value as Lsn;
};

/**
 * Reads '16/B374D848' as PostgreSQL's type pg_lsn does.
 *
 * @throws 'value-invalid' for any other text
 */
export const parseLsn = (text: string): Lsn => {
  if (!lsnText.test(text)) {
    throw new PipelineError('value-invalid', {
      message: `${JSON.stringify(text.slice(0, 40))} is no LSN`,
      hint: 'An LSN is two hexadecimal numbers of up to eight digits with a slash between them, such as 16/B374D848.',
    });
  }
  const slash = text.indexOf('/');
  const high = BigInt(`0x${text.slice(0, slash)}`);
  const low = BigInt(`0x${text.slice(slash + 1)}`);
  return lsnOf((high << 32n) | low);
};

/** Upper case and without zero padding, as PostgreSQL's %X/%X writes it. */
export const formatLsn = (lsn: Lsn): string =>
  `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
