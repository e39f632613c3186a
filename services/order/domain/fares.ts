/** Prices of an order: quoted once at submission, applied to the places that were really held. */
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { BerthLevel, PassengerType, Seat, SeatClass } from './order.ts';

export type Fare = { seat_class: SeatClass; passenger_type: PassengerType; berth_level?: BerthLevel; fare_fen: number };

/** The fare of a place. A berth's price is by its level; without a quoted level the class's own price counts. */
export function fareOf(fares: readonly Fare[], seat: Seat, passenger_type: PassengerType): number | undefined {
  const fitting = fares.filter((fare) => fare.seat_class === seat.seat_class && fare.passenger_type === passenger_type);
  const exact = fitting.find((fare) => fare.berth_level === seat.berth_level);
  return (exact ?? fitting.find((fare) => fare.berth_level === undefined))?.fare_fen;
}

/** The least a passenger can pay with the acceptable classes; SEAT_CLASS_UNKNOWN when the run has none of them. */
export function lowestFare(fares: readonly Fare[], seat_classes: readonly SeatClass[], passenger_type: PassengerType): Result<number> {
  const fitting = fares.filter((fare) => seat_classes.includes(fare.seat_class) && fare.passenger_type === passenger_type);
  if (fitting.length === 0) return fail('SEAT_CLASS_UNKNOWN');
  return ok(Math.min(...fitting.map((fare) => fare.fare_fen)));
}
