import { PipelineError } from '../../lib/core/errors.ts';
import type { RetentionPlan } from '../../lib/core/retention/plan.ts';
import { planRetention } from '../../lib/core/retention/plan-retention.ts';
import type { Archive } from '../archive/archive.ts';
import { type Inspection, inspectArchive } from '../inspect/inspection.ts';
import { carryOut, type Deleted } from './carry-out.ts';
import { type DeleteWords, parseDelete } from './request.ts';

export type Retained = {
  readonly plan: Extract<RetentionPlan, { kind: 'plan' }>;
  readonly inspection: Inspection;
  /** `undefined` when nothing was to be deleted yet. */
  readonly deleted: Deleted | undefined;
};

/** A backup to which nothing was written for three days is taken for dead: the slowest still write a part an hour. */
const runningHours = 72;
const minimumBackups = 1;

/**
 * Plans what `delete` asks for and, when confirmed, does it.
 *
 * @throws 'retention-refused' with the reasons when the plan is refused, 'object-changed' when the archive changed meanwhile
 */
export const retain = async (
  archive: Archive,
  words: DeleteWords,
  isConfirmed: boolean,
): Promise<Retained> => {
  const inspection = await inspectArchive(archive);
  const request = parseDelete(words, inspection.backups);
  const limits = { now: archive.clock.now(), minimumBackups, runningHours };
  const plan = planRetention(inspection, request, limits);
  if (plan.kind === 'refused') {
    throw new PipelineError('retention-refused', {
      message: `nothing is deleted: ${plan.reasons.join('; ')}`,
      hint: '"walwarden adopt" shows what is in the archive and what is wrong with it.',
    });
  }
  const isEverything = request.kind === 'everything';
  const deleted = isConfirmed ? await carryOut(archive, plan, inspection, isEverything) : undefined;
  return { plan, inspection, deleted };
};
