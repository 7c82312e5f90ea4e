import { PipelineError } from '../../lib/core/errors.ts';
import { isSystemError } from './files.ts';

type Stream = {
  write(text: string, written?: (error?: Error | null) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
};

/** The standard output, which carries results and nothing else. */
export type StandardOutput = {
  print(text: string): void;
  /**
   * Resolves when everything printed was taken over. A reader that went away (`| head`) wanted no more, which is no
   * error. @throws 'file-unwritable' when the results could not be written, as to a full disk
   */
  flush(): Promise<void>;
};

export const openStandardOutput = (stream: Stream): StandardOutput => {
  let failure: Error | undefined;
  stream.on('error', (error) => {
    failure ??= error;
  });
  return {
    print: (text) => {
      if (failure === undefined) stream.write(text.endsWith('\n') ? text : `${text}\n`);
    },
    flush: async () => {
      if (failure === undefined) {
        await new Promise<void>((resolve) => {
          stream.write('', (error) => {
            failure ??= error ?? undefined;
            resolve();
          });
        });
      }
      if (failure === undefined || isSystemError(failure, 'EPIPE')) return;
      throw new PipelineError('file-unwritable', {
        message: `the standard output cannot be written: ${failure.message}`,
        hint: 'Check the free space and the permissions of where the output goes.',
        cause: failure,
      });
    },
  };
};
