import { PipelineError } from '../../lib/core/errors.ts';
import type { ObjectKey } from '../../lib/core/ports.ts';

/** A backup reserves its name before it writes, so an object of that name that is there already is a second writer's. */
export const nameTaken = (key: ObjectKey): PipelineError =>
  new PipelineError('object-exists', {
    message: `${key} is in the archive already`,
    hint: 'Two base backups are being written under one name; look for a second backup-push.',
  });
