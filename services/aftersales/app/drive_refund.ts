import { within } from '#kit/base/timers.ts';
import type { Refund } from '../domain/refund.ts';
import { step, type StepDeps } from './steps.ts';

export type RefundDriver = {
  /** As many steps as can be made now. Throws when one has to be repeated after a pause. */
  drive(refund_id: bigint): Promise<{ again_in_ms: number } | undefined>;
  /** Drives it for the time a caller would wait; never throws. The refund as it is then. */
  driveBriefly(refund: Refund): Promise<Refund>;
  /** Resolves when nothing is being driven here. */
  idle(): Promise<void>;
};

/** More steps than a refund has. */
const MAX_STEPS = 12;
const PATIENCE_MS = 2500;

/** Drives refunds, each once at a time in this process; other processes are kept apart by compare-and-set. */
export function createDriver(deps: StepDeps): RefundDriver {
  const running = new Map<bigint, Promise<{ again_in_ms: number } | undefined>>();
  const drive = (refund_id: bigint): Promise<{ again_in_ms: number } | undefined> => {
    const under_way = running.get(refund_id);
    if (under_way !== undefined) return under_way;
    const work = walk(deps, refund_id).finally(() => running.delete(refund_id));
    running.set(refund_id, work);
    return work;
  };
  return {
    drive,
    async driveBriefly(refund) {
      const work = drive(refund.refund_id).catch((error: unknown) => deps.log.warn({ error, refund_id: String(refund.refund_id) }, 'a refund is left to the sweeper'));
      await within(deps.timers, PATIENCE_MS, work);
      return (await deps.store.find(refund.refund_id)) ?? refund;
    },
    async idle() {
      await Promise.allSettled(running.values());
    },
  };
}

async function walk(deps: StepDeps, refund_id: bigint): Promise<{ again_in_ms: number } | undefined> {
  let refund = await deps.store.find(refund_id);
  for (let made = 0; refund !== undefined && made < MAX_STEPS; made += 1) {
    const outcome = await step(deps, refund);
    if (outcome === undefined) return undefined;
    if ('wait_ms' in outcome) return { again_in_ms: outcome.wait_ms };
    refund = outcome;
  }
  return undefined;
}
