/** Seats that a traveller chose on the seat map and locked before submitting. */
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { Journey, Seat, SeatClass } from './order.ts';

/** A hold of inventory, by the id that the traveller named; whether it is a lock of the traveller's is for us to say. */
export type SeatLock = {
  /** Undefined: no seat lock but somebody's hold. */
  account_id?: string;
  run_id: string;
  held: boolean;
  /** In the order in which they were chosen. */
  places: readonly { seat: Seat; from_index: number; to_index: number }[];
};

export type LockWish = {
  account_id: string;
  journey: Journey;
  passengers: readonly { seat_classes: readonly SeatClass[]; seat?: Seat }[];
};

/** How long a lock is kept while its entry waits; made less than a minute ago, it then ends within inventory's ten. */
export const LOCK_KEPT_MS = 540_000;

/**
 * The seat of each passenger, in order. HOLD_NOT_FOUND for what is no lock of this account, so that ids of others can't be
 * tried out; HOLD_EXPIRED when the seats went back; SEAT_MALFORMED when they are not what the passengers ask for.
 */
export function seatsOfLock(lock: SeatLock, { account_id, journey, passengers }: LockWish): Result<Seat[]> {
  if (lock.account_id === undefined || lock.account_id === '' || lock.account_id !== account_id) return fail('HOLD_NOT_FOUND', FIELD);
  if (!lock.held || lock.places.length === 0) return fail('HOLD_EXPIRED', FIELD);
  const misfit = misfitOf(lock, journey, passengers);
  return misfit === undefined ? ok(lock.places.map(({ seat }) => seat)) : fail('SEAT_MALFORMED', { ...FIELD, detail: misfit });
}

const FIELD = { metadata: { field: 'seat_lock_id' } };

function misfitOf({ run_id, places }: SeatLock, journey: Journey, passengers: LockWish['passengers']): string | undefined {
  if (run_id !== journey.run_id) return 'the lock is on another train';
  if (places.length !== passengers.length) return `${places.length} seats for ${passengers.length} passengers`;
  if (places.some(({ from_index, to_index }) => from_index !== journey.from_index || to_index !== journey.to_index)) return 'the lock is for another stretch';
  for (const [index, { seat_classes, seat }] of passengers.entries()) {
    const locked = places[index]!.seat;
    if (!seat_classes.includes(locked.seat_class)) return `passenger ${index + 1} does not accept ${locked.seat_class}`;
    if (seat !== undefined && (seat.coach_no !== locked.coach_no || seat.seat_no !== locked.seat_no)) return `passenger ${index + 1} names another seat`;
  }
  return undefined;
}
