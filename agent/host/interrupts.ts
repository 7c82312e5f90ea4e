import { PipelineError } from '../../lib/core/errors.ts';

type Process = {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  exit(status: number): void;
};

/**
 * Aborted by SIGINT and SIGTERM, so that work is ended in order; whoever asks a second time is not kept waiting, and
 * gets the status that promises nothing. SIGHUP stays as it was found: nohup has it ignored, and a listener would end that.
 */
export const interruptsOf = (process: Process, hurriedStatus: number): AbortSignal => {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(hurriedStatus);
      controller.abort(
        new PipelineError('interrupted', {
          message: `stopped by ${name}`,
          hint: 'What was begun and not finished does not count; run the command again.',
        }),
      );
    });
  }
  return controller.signal;
};
