import { PipelineError } from '../errors.ts';

// ISO 8601 as PostgreSQL reads and prints it: date, then optionally time, fraction, and zone as Z, +hh[:mm[:ss]] or a name.
const isoTime =
  /^(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)(?:[T ](?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?:\.\d{1,9})?)?(?: ?(?:Z|[+-]\d\d(?::?\d\d){0,2}|[A-Za-z][A-Za-z0-9_+/-]{1,40}))?)?$/;

const daysOf = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate();

const isReal = (groups: Readonly<Record<string, string | undefined>>): boolean => {
  const number = (name: string): number => Number(groups[name] ?? 0);
  const [year, month, day] = [number('year'), number('month'), number('day')];
  if (year < 1986 || month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return false;
  return number('hour') <= 23 && number('minute') <= 59 && number('second') <= 59;
};

/**
 * A text that PostgreSQL reads as the moment that its writer meant. PostgreSQL itself takes many more forms, but what
 * '02/03/2026' means depends on the restored cluster's DateStyle, and a recovery to the wrong month is found out late.
 *
 * @returns the text without blanks around it, and with +00 for a final Z
 * @throws 'value-invalid' for another form or a day that the calendar does not have
 */
export const recoveryTargetTime = (text: string): string => {
  const trimmed = text.trim();
  const groups = isoTime.exec(trimmed)?.groups;
  if (groups === undefined || !isReal(groups)) {
    throw new PipelineError('value-invalid', {
      message: `${JSON.stringify(text.slice(0, 80))} is no time to recover to`,
      hint: 'Write it as 2026-11-21 04:22:00+00, with a zone; without one the restored server takes its own.',
    });
  }
  // Recovery settings are read before time zone abbreviations are, and Z is one of them to PostgreSQL.
  return trimmed.replace(/ ?Z$/, '+00');
};
