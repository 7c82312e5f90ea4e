import type { Clock } from '../../lib/core/ports.ts';
import type { Log } from './log.ts';
import { formatBytes, formatDuration } from './output.ts';
import type { Terminal } from './terminal.ts';

/** How far a long piece of work is, for whoever watches. */
export type Progress = {
  advance(bytes: number): void;
  /** Ends the display, whether the work was done or not. Idempotent. */
  finish(): void;
};

export type ProgressFactory = (work: {
  /** The action's name, as in the log. */
  readonly label: string;
  /** An estimate; the work may turn out to be more or less. */
  readonly totalBytes: number;
}) => Progress;

const redrawMs = 200;
const logEveryMs = 30_000;
/** The rate is that of the last seconds, so that a stall shows and the start is forgotten. */
const rateWindowMs = 15_000;

type Sample = { readonly atMs: number; readonly bytes: number };

/** A bar with rate and time left on a terminal, a log line every 30 seconds elsewhere. */
export const progressTo =
  (parts: { readonly terminal: Terminal; readonly log: Log; readonly clock: Clock }): ProgressFactory =>
  ({ label, totalBytes }) => {
    const beginMs = parts.clock.now().getTime();
    const { isInteractive } = parts.terminal;
    const everyMs = isInteractive ? redrawMs : logEveryMs;
    let samples: readonly Sample[] = [{ atMs: beginMs, bytes: 0 }];
    let doneBytes = 0;
    let shownMs = isInteractive ? Number.NEGATIVE_INFINITY : beginMs;
    let isFinished = false;

    const show = (nowMs: number): void => {
      shownMs = nowMs;
      samples = [...samples, { atMs: nowMs, bytes: doneBytes }];
      // Always two samples, however long ago the last one was.
      while (samples.length > 2 && nowMs - (samples[1]?.atMs ?? nowMs) >= rateWindowMs)
        samples = samples.slice(1);
      const state = stateOf({ doneBytes, totalBytes, samples });
      if (isInteractive) {
        parts.terminal.showStatus(drawBar(label, state, parts.terminal.columns()));
        return;
      }
      parts.log.info(label, {
        state: 'progress',
        bytes: doneBytes,
        totalBytes: state.totalBytes,
        percent: Math.floor(state.share * 100),
        rate: Math.round(state.rate),
        leftSeconds: state.leftSeconds === undefined ? undefined : Math.round(state.leftSeconds),
      });
    };
    return {
      advance: (bytes) => {
        doneBytes += bytes;
        const nowMs = parts.clock.now().getTime();
        if (!isFinished && nowMs - shownMs >= everyMs) show(nowMs);
      },
      finish: () => {
        isFinished = true;
        parts.terminal.showStatus(undefined);
      },
    };
  };

type State = {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** 0 to 1. */
  readonly share: number;
  /** Bytes a second. */
  readonly rate: number;
  readonly leftSeconds: number | undefined;
};

const stateOf = (work: {
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly samples: readonly Sample[];
}): State => {
  const [first, last] = [work.samples[0], work.samples.at(-1)];
  const seconds = first === undefined || last === undefined ? 0 : (last.atMs - first.atMs) / 1000;
  const rate = seconds <= 0 ? 0 : ((last?.bytes ?? 0) - (first?.bytes ?? 0)) / seconds;
  const totalBytes = Math.max(work.totalBytes, work.doneBytes);
  return {
    doneBytes: work.doneBytes,
    totalBytes,
    share: totalBytes === 0 ? 1 : work.doneBytes / totalBytes,
    rate,
    leftSeconds: rate > 0 ? (totalBytes - work.doneBytes) / rate : undefined,
  };
};

const widestBar = 40;
const narrowestBar = 10;

/** One line that fits: the bar gives way first, then the figures are cut, so that it never wraps. */
export const drawBar = (label: string, state: State, columns: number): string => {
  const left = state.leftSeconds === undefined ? '' : `  ${formatDuration(state.leftSeconds)} left`;
  const head = `${label} ${String(Math.floor(state.share * 100)).padStart(3)}%`;
  const figures =
    `${formatBytes(state.doneBytes)} / ${formatBytes(state.totalBytes)}` +
    `  ${formatBytes(state.rate)}/s${left}`;
  // A terminal wraps when its last column is written, so one stays free; two are for the brackets, two for spaces.
  const room = columns - 1 - head.length - figures.length - 4;
  const width = Math.min(room, widestBar);
  const bar =
    width < narrowestBar ? '' : ` [${'#'.repeat(Math.floor(width * state.share)).padEnd(width, '.')}]`;
  return `${head}${bar} ${figures}`.slice(0, Math.max(0, columns - 1));
};
