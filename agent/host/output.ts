const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;

/** `512 B`, `1.5 GiB`: for people; documents and `--json` carry plain numbers. */
export const formatBytes = (bytes: number | bigint): string => {
  let amount = Number(bytes);
  let unit = 0;
  // 1023.95 would round to 1024.0 of the smaller unit.
  while (Math.abs(amount) >= (unit === 0 ? 1024 : 1023.95) && unit < byteUnits.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(amount) : amount.toFixed(1)} ${byteUnits[unit]}`;
};

/** `0.4 s`, `12 s`, `3 min 05 s`, `2 h 14 min`, `3 d 4 h`: two units at most. */
export const formatDuration = (seconds: number): string => {
  if (!Number.isFinite(seconds)) return 'unknown';
  if (seconds < 0) return `-${formatDuration(-seconds)}`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const pair = (large: number, small: number): readonly [number, number] => [
    Math.floor(whole / large),
    Math.floor((whole % large) / small),
  ];
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) {
    const [minutes, rest] = pair(60, 1);
    return `${minutes} min ${String(rest).padStart(2, '0')} s`;
  }
  if (whole < 86_400) {
    const [hours, minutes] = pair(3600, 60);
    return `${hours} h ${String(minutes).padStart(2, '0')} min`;
  }
  const [days, hours] = pair(86_400, 3600);
  return `${days} d ${hours} h`;
};

/** A column of a table: its heading and which side its cells lean to. Numbers lean right. */
export type Column = { readonly heading: string; readonly align?: 'left' | 'right' };

/**
 * Text that a terminal shows as it is. Control characters, line separators, marks that turn the direction of writing and
 * halves of surrogate pairs are written out as escapes, because names come from archives that anybody may have written.
 */
export const visible = (text: string): string =>
  text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => shortEscapes[character] ?? longEscape(character.codePointAt(0) ?? 0),
  );

const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

const longEscape = (codePoint: number): string =>
  codePoint > 0xffff ? `\\u{${codePoint.toString(16)}}` : `\\u${codePoint.toString(16).padStart(4, '0')}`;

/** Rows under headings, two spaces between columns, nothing at the ends of lines. */
export const formatTable = (columns: readonly Column[], rows: readonly (readonly string[])[]): string => {
  const lines = [columns.map(({ heading }) => heading), ...rows].map((cells) =>
    columns.map((_, index) => visible(cells[index] ?? '')),
  );
  const widths = columns.map((_, index) => Math.max(...lines.map((cells) => textWidth(cells[index] ?? ''))));
  return lines
    .map((cells) =>
      cells
        .map((cell, index) => {
          const padding = ' '.repeat((widths[index] ?? 0) - textWidth(cell));
          return columns[index]?.align === 'right' ? padding + cell : cell + padding;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

/** Columns by code point; exact for the names that PostgreSQL and archives use, near enough for the rest. */
const textWidth = (text: string): number => [...text].length;
