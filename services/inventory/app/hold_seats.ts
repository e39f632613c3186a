import type { Clock } from '#kit/base/clock.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { equalBytes } from '#kit/base/bytes.ts';
import type { Hold, HoldRequest } from '../domain/hold.ts';
import { planHold } from './plan_hold.ts';
import type { Ledger, PlannedHold, RunStore } from './ports.ts';
import type { RunHeader } from '../domain/run.ts';
import type { HoldTicks } from './hold_ticks.ts';
import { refusal } from './refusals.ts';

/** A hold and the version of its run after it (0 where the answer is a repeat's). */
export type HoldAnswer = { hold: Hold; run_version: bigint };

/** `replaced` says which hold a request takes the place of, where it is an exchange. */
export type HoldSeats = (requests: readonly HoldRequest[], replaced?: (request: HoldRequest) => Hold | undefined) => Promise<Result<HoldAnswer>[]>;

/**
 * Holds places of one run for several in their order, committed as a whole: who comes behind one that gets nothing is not tried
 * (VERSION_STALE). `replaced`: the hold whose places are free for them.
 */
export type HoldInOrder = (requests: readonly HoldRequest[], replaced: Hold | undefined) => Promise<Result<HoldAnswer>[]>;

type Parts = { runs: RunStore; ledger: Pick<Ledger, 'findHolds'>; ticks: HoldTicks; clock: Clock };

/**
 * Holds places, each request with its own outcome, in order. Answers after the ledger's commit. A repeat gets the hold as
 * it is now; one with another body HOLD_CONFLICT.
 */
export function holdSeats(parts: Parts): HoldSeats {
  return async (requests, replaced) => {
    const found = await parts.runs.find([...new Set(requests.map(({ run_id }) => run_id))]);
    const locks = await locksOf(parts, requests);
    return Promise.all(
      requests.map(async (request) => {
        const run = found.get(request.run_id);
        if (run === undefined) return fail('TRAIN_RUN_NOT_FOUND');
        const lock = request.seat_lock_id === undefined ? undefined : locks.get(request.seat_lock_id);
        if (lock !== undefined && !isOwn(lock, request)) return fail('HOLD_NOT_FOUND', { detail: 'no such seat lock' });
        const answer = await holdOne(parts, request, run, lock?.state === 'HELD' ? lock : replaced?.(request));
        // The lock ran out at this very moment: its seats are free for everybody, and so for its owner.
        return lock !== undefined && !answer.ok && answer.error.reason === 'VERSION_STALE' ? holdOne(parts, request, run, undefined) : answer;
      }),
    );
  };
}

export function holdInOrder({ runs, ticks, clock }: Omit<Parts, 'ledger'>): HoldInOrder {
  return async (requests, replaced) => {
    const run = (await runs.find(requests.slice(0, 1).map(({ run_id }) => run_id))).get(requests[0]?.run_id ?? '');
    if (run === undefined) return requests.map(() => fail('TRAIN_RUN_NOT_FOUND'));
    const plans = requests.map((request) => planHold(request, run, clock.now_ms(), replaced));
    const first_bad = plans.findIndex((plan) => !plan.ok);
    const unit = plans.slice(0, first_bad < 0 ? plans.length : first_bad).flatMap((plan, index) => (plan.ok ? [{ ...plan.value, follows: index > 0 }] : []));
    const answers = unit.length === 0 ? [] : await ticks.submit(unit);
    return plans.map((plan, index) => answers[index] ?? (plan.ok || index !== first_bad ? refusal('STALE') : plan));
  };
}

async function holdOne({ ticks, clock }: Parts, request: HoldRequest, run: RunHeader, replaces: Hold | undefined): Promise<Result<HoldAnswer>> {
  const planned = planHold(request, run, clock.now_ms(), replaces);
  return planned.ok ? (await ticks.submit([planned.value]))[0]! : planned;
}

async function locksOf({ ledger }: Parts, requests: readonly HoldRequest[]): Promise<Map<string, Hold>> {
  const ids = requests.flatMap(({ seat_lock_id }) => seat_lock_id ?? []);
  return ids.length === 0 ? new Map() : ledger.findHolds(ids);
}

/** A stranger's lock, or what is no lock, is unknown. */
function isOwn(lock: Hold, { run_id, account_id }: HoldRequest): boolean {
  return lock.owner === 'SEAT_LOCK' && lock.run_id === run_id && account_id !== '' && lock.account_id === account_id;
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
