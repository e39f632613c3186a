import type { SeatMapCoach, SeatMapSeat } from '#gen/rail/seat/v1/seat_pb.ts';
import { seatKey } from './coach_plan.ts';

/** Takes or leaves a place; one more than travellers replaces the oldest choice. What is taken can't be chosen. */
export function toggleSeat(picked: readonly SeatMapSeat[], seat: SeatMapSeat, most: number): SeatMapSeat[] {
  const others = picked.filter((other) => seatKey(other) !== seatKey(seat));
  if (others.length < picked.length) return others;
  return seat.free ? [...others, seat].slice(-most) : [...picked];
}

/** Which choices a fresh map still has free, and which went to somebody else. */
export function stillFree(picked: readonly SeatMapSeat[], coaches: readonly SeatMapCoach[]): { kept: SeatMapSeat[]; lost: SeatMapSeat[] } {
  const free = new Map(coaches.flatMap(({ seats }) => seats).filter((seat) => seat.free).map((seat) => [seatKey(seat), seat]));
  return { kept: picked.flatMap((seat) => free.get(seatKey(seat)) ?? []), lost: picked.filter((seat) => !free.has(seatKey(seat))) };
}

/** A lock lives at most so long (contract). */
const LOCK_MS = 60_000;

/**
 * When a lock ends, by the clock of this browser. One whose clock is wrong by more than a lock lives would see it over
 * before it began, or never: then the minute counts from when it was asked for.
 */
export function lockEnd_ms(expire_ms: number, asked_ms: number, now_ms: number): number {
  const plausible = expire_ms > now_ms && expire_ms <= asked_ms + LOCK_MS;
  return plausible ? expire_ms : asked_ms + LOCK_MS;
}
