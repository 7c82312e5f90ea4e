import type { Branded } from '../brand.ts';
import { PipelineError } from '../errors.ts';

/**
 * The number that initdb gives a cluster, 1 .. 2^64-1. It is larger than 2^53 for every real cluster (its upper half is
 * the time of initdb), so it never passes through a JavaScript number.
 */
export type SystemIdentifier = Branded<bigint, 'SystemIdentifier'>;

const decimal = /^[1-9][0-9]{0,19}$/;

/**
 * Reads decimal digits, as pg_controldata and pg_control_system() print them, or takes the number itself.
 *
 * @throws 'value-invalid' for anything else, 0 and numbers of more than 64 bits included
 */
export const parseSystemIdentifier = (text: string | bigint): SystemIdentifier => {
  const value = typeof text === 'bigint' ? text : decimal.test(text) ? BigInt(text) : 0n;
  if (value < 1n || value >= 1n << 64n) {
    throw new PipelineError('value-invalid', {
      message: `${JSON.stringify(String(text).slice(0, 40))} is no system identifier`,
      hint: 'It is the decimal number that "pg_controldata" prints as "Database system identifier".',
    });
  }
  return value as SystemIdentifier;
};

/** Plain decimal digits. */
export const formatSystemIdentifier = (id: SystemIdentifier): string => id.toString();
