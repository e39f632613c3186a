import type { Refund } from '../domain/refund.ts';
import { createStageDriver, type Driver } from './driver.ts';
import { step, type StepDeps } from './steps.ts';

export type RefundDriver = Driver<Refund>;

/** More steps than a refund has. */
const STEPS_MAX = 12;
const PATIENCE_MS = 2500;

export function createDriver(deps: StepDeps): RefundDriver {
  const { store, timers, log } = deps;
  return createStageDriver<Refund>({
    name: 'refund', find: (refund_id) => store.find(refund_id), idOf: ({ refund_id }) => refund_id, step: (refund) => step(deps, refund),
    steps_max: STEPS_MAX, patience_ms: PATIENCE_MS, timers, log,
  });
}
