/** Where people read along: the standard error, with at most one line below the rest that is redrawn in place. */
export type Terminal = {
  readonly isInteractive: boolean;
  columns(): number;
  /** Writes whole lines above the status line. */
  writeLine(text: string): void;
  /** Draws the status line anew, or takes it away. Without an interactive terminal nothing happens. */
  showStatus(text: string | undefined): void;
};

type Stream = {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
};

const eraseLine = '\r\u001b[2K';

export const openTerminal = (stream: Stream): Terminal => {
  const isInteractive = stream.isTTY === true;
  let status: string | undefined;
  return {
    isInteractive,
    columns: () => stream.columns || 80,
    writeLine: (text) => {
      stream.write(status === undefined ? `${text}\n` : `${eraseLine}${text}\n${status}`);
    },
    showStatus: (text) => {
      if (!isInteractive || text === status) return;
      status = text;
      stream.write(`${eraseLine}${text ?? ''}`);
    },
  };
};
