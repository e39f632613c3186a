/** Where a request stands, or would stand, and its odds: estimates, from what was measured (domain/standby_odds.ts). */
import type { Clock } from '#kit/base/clock.ts';
import { kindFromText, type StandbyKind } from '../domain/standby_matching.ts';
import { calibrated, expectedSeats, oddsOfAny, rawOdds } from '../domain/standby_odds.ts';
import { rankOf } from '../domain/standby_priority.ts';
import type { Standby, Wish } from '../domain/standby.ts';
import type { Odds, StandbyStore } from './standby_ports.ts';

export type WishPlace = { wish: Wish; requests_ahead: number; passengers_ahead: number; odds: number };

export type OutlookParts = { standbys: Pick<StandbyStore, 'ahead'>; odds: Odds; clock: Clock };

/** Last of its priority: where who asks now would be. */
const LAST_SEQUENCE = 2 ** 46 - 1;

/** `sequence`: of a request that is there; one that is not yet comes last. */
export async function outlookOf(parts: OutlookParts, wishes: readonly Wish[], size: number, { priority, deadline_ms, sequence = LAST_SEQUENCE }: { priority: number; deadline_ms: number; sequence?: number }): Promise<{ places: WishPlace[]; odds: number; raw_odds: number }> {
  const [rates, calibration] = await Promise.all([parts.odds.rates(), parts.odds.calibration()]);
  const now_ms = parts.clock.now_ms();
  const places: WishPlace[] = [];
  const raws: number[] = [];
  for (const wish of wishes) {
    const rivals = (await parts.standbys.ahead(wish.run_id, rankOf(priority, sequence))).map(({ kind, requests }) => ({ kind: kindFromText(kind), requests })).filter(({ kind }) => wantsTheSame(kind, wish));
    const requests_ahead = rivals.reduce((sum, { requests }) => sum + requests, 0);
    const passengers_ahead = rivals.reduce((sum, { kind, requests }) => sum + requests * kind.size, 0);
    const expected_seats = expectedSeats(rates, { now_ms, until_ms: Math.min(deadline_ms, wish.departure_ms), departure_ms: wish.departure_ms });
    const raw = rawOdds({ expected_seats, fit_share: 1 / (wish.to_index - wish.from_index), passengers_ahead, size });
    raws.push(raw);
    places.push({ wish, requests_ahead, passengers_ahead, odds: calibrated(calibration, raw) });
  }
  const raw_odds = oddsOfAny(raws);
  return { places, odds: calibrated(calibration, raw_odds), raw_odds };
}

export async function placesOf(parts: OutlookParts, { wishes, travellers, priority, deadline_ms, sequence, state }: Standby): Promise<WishPlace[]> {
  if (state === 'PENDING' || state === 'MATCHING') return (await outlookOf(parts, wishes, travellers.length, { priority, deadline_ms, sequence })).places;
  const odds = state === 'FAIL' ? 0 : 1;
  return wishes.map((wish) => ({ wish, requests_ahead: 0, passengers_ahead: 0, odds }));
}

/** Who travels on a segment of the wish, in a class of it, may get a seat that the wish would need. */
function wantsTheSame(kind: StandbyKind, { from_index, to_index, seat_classes }: Wish): boolean {
  return kind.from < to_index && from_index < kind.to && kind.classes.some((seat_class) => seat_classes.includes(seat_class));
}
