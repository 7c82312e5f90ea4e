import { PipelineError } from '../core/errors.ts';

/** The one error for stored bytes that do not decode: `message` says what is wrong and at which byte. */
export const damaged = (message: string, cause?: unknown): PipelineError =>
  new PipelineError('object-damaged', {
    message,
    hint: 'The stored object is cut short or changed; compare it with its manifest or another copy of the archive.',
    cause,
  });

export const unsupported = (message: string, hint: string): PipelineError =>
  new PipelineError('codec-unsupported', { message, hint });
