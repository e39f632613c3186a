import type { Clock } from '#kit/base/clock.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { equalBytes } from '#kit/base/bytes.ts';
import type { Hold, HoldRequest } from '../domain/hold.ts';
import { planHold } from './plan_hold.ts';
import type { Ledger, PlannedHold, RunStore } from './ports.ts';
import type { HoldTicks } from './hold_ticks.ts';

/** A hold and the version of its run after it (0 where the answer is a repeat's). */
export type HoldAnswer = { hold: Hold; run_version: bigint };

export type HoldSeats = (requests: readonly HoldRequest[]) => Promise<Result<HoldAnswer>[]>;

/**
 * Holds places, each request with its own outcome, in order. Answers after the ledger's commit. A repeat gets the hold as
 * it is now; one with another body HOLD_CONFLICT.
 */
export function holdSeats({ runs, ticks, clock }: { runs: RunStore; ticks: HoldTicks; clock: Clock }): HoldSeats {
  return async (requests) => {
    const found = await runs.find([...new Set(requests.map(({ run_id }) => run_id))]);
    return Promise.all(
      requests.map(async (request) => {
        const run = found.get(request.run_id);
        if (run === undefined) return fail('TRAIN_RUN_NOT_FOUND');
        const planned = planHold(request, run, clock.now_ms());
        return planned.ok ? ticks.submit(planned.value) : planned;
      }),
    );
  };
}

/** The answer that an existing row means for a request of its id. */
export function answerOfKnown(planned: PlannedHold, hold: Hold): Result<HoldAnswer> {
  if (!equalBytes(hold.body_hash, planned.body_hash) && hold.state !== 'ABORTED') return fail('HOLD_CONFLICT', { detail: 'the id was used for another hold' });
  if (hold.state === 'HELD' || hold.state === 'SOLD') return ok({ hold, run_version: 0n });
  if (hold.state === 'RELEASED') return fail('HOLD_EXPIRED', { detail: 'the hold was released' });
  return fail('HOLD_CONFLICT', { detail: 'the hold was given up before it took effect' });
}

/** What a hold asks of the ledger beside its own commit. */
export type HoldLedger = Pick<Ledger, 'findHolds' | 'commitHolds' | 'materialise' | 'tombstone' | 'readBits'>;
