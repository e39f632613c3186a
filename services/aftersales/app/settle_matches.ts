/** Asks inventory for the seats of those who were claimed, and writes down what came of it. */
import type { ErrorReason } from '#kit/base/errors.ts';
import type { Standby, Wish } from '../domain/standby.ts';
import type { StandbyParts } from './standby_ports.ts';

export type SettleParts = Pick<StandbyParts, 'standbys' | 'seats' | 'log'> & { /** It has seats: an order can be made. */ onLocked: (standby_id: bigint) => void };

/** UNDECIDED: inventory did not say; it stays MATCHING and is asked again by the sweeper, with the same hold. */
export type MatchOutcome = 'LOCKED' | 'NO_SEAT' | 'AGAIN' | 'UNDECIDED';

/** How long matched seats wait for their order to be made: as long as an outage of order may be waited out. */
export const LOCKED_TTL_MS = 120_000;

/** The wish can not be had any more, whoever gives back what. */
const NEVER: ReadonlySet<ErrorReason> = new Set(['TRAIN_DEPARTED', 'SALE_CLOSED', 'RUN_CANCELLED', 'TRAIN_RUN_NOT_FOUND', 'STOPS_NOT_ON_RUN', 'SEAT_CLASS_UNKNOWN', 'FIELD_INVALID', 'TOO_MANY_PASSENGERS', 'ITEMS_DUPLICATE']);
/** This try is over; another one has another hold. */
const TRY_OVER: ReadonlySet<ErrorReason> = new Set(['HOLD_CONFLICT', 'HOLD_EXPIRED', 'SEAT_LOCKED', 'VERSION_STALE']);

/** For some that are MATCHING on one run, in the order of their rank; an outcome for each. May be repeated. */
export async function settleMatches(parts: SettleParts, standbys: readonly Standby[]): Promise<MatchOutcome[]> {
  if (standbys.length === 0) return [];
  const claims = await parts.seats.claim(standbys.map((standby) => ({ standby, wish: wishOf(standby) })), LOCKED_TTL_MS);
  const locked = lock(parts, standbys.filter((_, index) => claims[index]!.ok));
  return Promise.all(
    standbys.map(async (standby, index) => {
      const claim = claims[index]!;
      return claim.ok ? (await locked).get(standby)! : putBack(parts, standby, claim.error.reason);
    }),
  );
}

export function wishOf({ standby_id, wishes, wish_no }: Standby): Wish {
  const wish = wishes[wish_no ?? -1];
  if (wish === undefined) throw new Error(`standby ${standby_id} is matched without a wish`);
  return wish;
}

/** The seats are their own from here on; when a try was given up meanwhile by whoever repeated it, they go back. */
async function lock({ standbys, seats, onLocked }: SettleParts, matched: readonly Standby[]): Promise<Map<Standby, MatchOutcome>> {
  const now = matched.length === 0 ? [] : await standbys.lock(matched);
  const outcomes = matched.map(async (standby, index): Promise<[Standby, MatchOutcome]> => {
    const { match_no, state, standby_id } = now[index]!;
    if (match_no !== standby.match_no || state === 'PENDING' || state === 'MATCHING') {
      await seats.release(standby, wishOf(standby), 'the try was given up');
      return [standby, 'AGAIN'];
    }
    if (state === 'LOCKED') onLocked(standby_id);
    return [standby, 'LOCKED'];
  });
  return new Map(await Promise.all(outcomes));
}

async function putBack({ standbys, log }: SettleParts, standby: Standby, reason: ErrorReason): Promise<MatchOutcome> {
  if (reason === 'SOLD_OUT' || TRY_OVER.has(reason)) await standbys.putBack(standby);
  else if (NEVER.has(reason)) await standbys.putBack(standby, reason);
  else {
    log.warn({ standby_id: String(standby.standby_id), reason }, 'inventory did not decide a match');
    return 'UNDECIDED';
  }
  return TRY_OVER.has(reason) ? 'AGAIN' : 'NO_SEAT';
}
