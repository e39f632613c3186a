/** One step of a standby by its state, for the sweeper: deadlines, tries that nobody finished, orders to be made and asked about. */
import type { ErrorReason } from '#kit/base/errors.ts';
import { FailureError } from '#kit/base/result.ts';
import type { Standby } from '../domain/standby.ts';
import { standbyPriorityOf } from '../domain/standby_priority.ts';
import type { MatcherParts } from './match_run.ts';
import type { RunNewsReader } from './ports.ts';
import { settleMatches, wishOf } from './settle_matches.ts';

/** How often an order is asked about. */
export const ASK_ORDER_MS = 3000;

export type DriverParts = MatcherParts & { runs: RunNewsReader };

/** Orders are refused for good for these: the standby fails. Whatever else is tried again. */
const NO_ORDER: ReadonlySet<ErrorReason> = new Set([
  'JOURNEY_OVERLAP', 'PASSENGER_NOT_FOUND', 'REAL_NAME_REQUIRED', 'REAL_NAME_REJECTED', 'ITEMS_DUPLICATE', 'FIELD_INVALID', 'TOO_MANY_PASSENGERS', 'SEAT_CLASS_UNKNOWN', 'QUOTE_STALE',
  'SALE_CLOSED', 'SALE_NOT_OPEN', 'RUN_CANCELLED', 'TRAIN_RUN_NOT_FOUND', 'STOPS_NOT_ON_RUN', 'DATE_PAST', 'DATE_BEYOND_SALE_WINDOW', 'ACCOUNT_NOT_FOUND', 'REQUEST_ID_REUSED', 'REQUEST_ID_EXPIRED',
]);
/** The seats were lost before their order was made. */
const SEATS_LOST: ReadonlySet<ErrorReason> = new Set(['HOLD_EXPIRED', 'HOLD_NOT_FOUND', 'HOLD_CONFLICT']);

/** As far as it goes now. Throws when a step has to be repeated after a pause. */
export async function driveStandby(parts: DriverParts, standby_id: bigint): Promise<{ again_in_ms: number } | undefined> {
  const standby = await parts.standbys.find(standby_id);
  switch (standby?.state) {
    case 'PENDING': return wait(parts, standby);
    case 'MATCHING': {
      // Whoever was claimed together is decided together, in the same order.
      const outcomes = await settleMatches(parts, await parts.standbys.undecided(wishOf(standby).run_id));
      if (outcomes.includes('UNDECIDED')) throw new FailureError({ reason: 'DEPENDENCY_UNAVAILABLE' });
      return undefined;
    }
    case 'LOCKED': return order(parts, standby);
    case 'AWAIT_PAY': return follow(parts, standby);
    default: return undefined;
  }
}

async function wait({ standbys, runs, clock }: DriverParts, waiting: Standby): Promise<{ again_in_ms: number } | undefined> {
  const now_ms = clock.now_ms();
  const standby = await forgetCancelled({ standbys, runs }, waiting);
  if (standby.state !== 'PENDING') return undefined;
  if (now_ms >= standby.deadline_ms) {
    await standbys.end(standby, 'FAIL', 'SOLD_OUT');
    return undefined;
  }
  if (standby.match_after_ms !== undefined) {
    if (now_ms < standby.match_after_ms) return { again_in_ms: standby.match_after_ms - now_ms };
    await standbys.wake(standby);
    return undefined;
  }
  const { member_level, travellers, create_ms } = standby;
  await standbys.age(standby, standbyPriorityOf({ waited_ms: now_ms - create_ms, member_level, passengers: travellers.length }));
  return undefined;
}

/** Nobody gives back a seat of a train that does not run; without a wish left it is over. */
export async function forgetCancelled({ standbys, runs }: Pick<DriverParts, 'standbys' | 'runs'>, standby: Standby): Promise<Standby> {
  const cancelled = await runs.cancelledOf(standby.wishes.map(({ run_id }) => run_id));
  let now = standby;
  for (const [wish_no, { run_id }] of standby.wishes.entries()) {
    if (cancelled.has(run_id) && now.state === 'PENDING') now = await standbys.putBack({ ...now, wish_no }, 'RUN_CANCELLED');
  }
  return now;
}

async function order({ standbys, orders, seats, log }: DriverParts, standby: Standby): Promise<{ again_in_ms: number } | undefined> {
  const wish = standby.wishes[standby.wish_no ?? -1]!;
  const created = await orders.create(standby, wish);
  if (created.ok) {
    await standbys.awaitPay(standby, created.value);
    return undefined;
  }
  const { reason } = created.error;
  if (SEATS_LOST.has(reason)) {
    await standbys.requeue(standby);
    return undefined;
  }
  if (!NO_ORDER.has(reason)) throw new FailureError(created.error);
  // The seats first: a standby that has ended gives nothing back any more.
  const released = await seats.release(standby, wish, `no order: ${reason}`);
  if (!released.ok && released.error.reason !== 'HOLD_NOT_FOUND') throw new FailureError(released.error);
  log.info({ standby_id: String(standby.standby_id), reason }, 'no order could be made of a match');
  await standbys.end(standby, 'FAIL', reason);
  return undefined;
}

async function follow({ standbys, orders }: DriverParts, standby: Standby): Promise<{ again_in_ms: number } | undefined> {
  const state = await orders.state(standby.order_id);
  if (!state.ok) throw new FailureError(state.error);
  if (state.value === 'TICKETED') await standbys.end(standby, 'SUCCESS', '');
  else if (typeof state.value === 'object') await standbys.end(standby, 'FAIL', state.value.failed);
  else return { again_in_ms: ASK_ORDER_MS };
  return undefined;
}
