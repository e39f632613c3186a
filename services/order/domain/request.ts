/** What a purchase asks for, and whether that can be right at all: checked before anybody else is asked. */
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { addDays, fromCompactDate, serviceDateAt } from '#kit/base/time.ts';
import type { BerthLevel, PassengerType, Seat, SeatClass } from './order.ts';

export type SubmitPassenger = {
  passenger_id: string;
  passenger_type: PassengerType;
  /** Acceptable classes, best first. */
  seat_classes: SeatClass[];
  seat?: Seat;
  with_passenger_id?: string;
};

export type SeatPreference = {
  window: boolean;
  aisle: boolean;
  letters: string[];
  together: boolean;
  same_coach: boolean;
  berth_level?: BerthLevel;
  quiet_coach: boolean;
  required: boolean;
};

export type SubmitRequest = {
  request_id: string;
  run_id: string;
  from_station_id: string;
  to_station_id: string;
  passengers: SubmitPassenger[];
  preference?: SeatPreference;
  accept_standby: boolean;
  accept_standing: boolean;
  accept_same_train_change: boolean;
  seat_lock_id: string;
  accompanied_need: boolean;
  captcha_token: string;
  max_total_fen?: number;
};

export const PASSENGERS_MAX = 5;
/** 预售期: today and the 14 days after it. */
export const SALE_WINDOW_DAYS = 14;
/** A run whose first stop was left so long ago has no stop ahead any more. */
const LONGEST_RUN_DAYS = 4;
const CLASSES_MAX = 8;

/** Everything the request says of itself. Dates are checked again, by the stop of boarding, once the run is known. */
export function checkRequest(request: SubmitRequest, now_ms: number): Result<undefined> {
  const run = checkRunId(request.run_id, now_ms);
  if (!run.ok) return run;
  for (const [field, value] of [['from_station_id', request.from_station_id], ['to_station_id', request.to_station_id]] as const) {
    if (!/^[\w-]{1,32}$/.test(value)) return fail('STATION_UNKNOWN', { metadata: { field } });
  }
  if (request.from_station_id === request.to_station_id) return fail('SAME_STATION');
  if (!/^[\x21-\x7e]{0,64}$/.test(request.seat_lock_id)) return fail('HOLD_NOT_FOUND', { metadata: { field: 'seat_lock_id' } });
  if (request.max_total_fen !== undefined && request.max_total_fen < 0) return fail('AMOUNT_INVALID', { metadata: { field: 'max_total' } });
  return checkPassengers(request.passengers);
}

function checkRunId(run_id: string, now_ms: number): Result<undefined> {
  const match = /^[A-Za-z0-9_-]{1,32}\.(\d{8})$/.exec(run_id);
  const service_date = match === null ? undefined : fromCompactDate(match[1]!);
  if (service_date === undefined) return fail('TRAIN_RUN_NOT_FOUND', { metadata: { field: 'run_id' } });
  const today = serviceDateAt(now_ms);
  if (service_date > addDays(today, SALE_WINDOW_DAYS)) return fail('DATE_BEYOND_SALE_WINDOW', { metadata: { field: 'run_id' } });
  if (service_date < addDays(today, -LONGEST_RUN_DAYS)) return fail('DATE_PAST', { metadata: { field: 'run_id' } });
  return ok(undefined);
}

function checkPassengers(passengers: readonly SubmitPassenger[]): Result<undefined> {
  if (passengers.length === 0) return fieldInvalid('passengers', 'at least one passenger');
  if (passengers.length > PASSENGERS_MAX) return fail('TOO_MANY_PASSENGERS', { metadata: { field: 'passengers', limit: String(PASSENGERS_MAX) } });
  const ids = new Set(passengers.map((passenger) => passenger.passenger_id));
  if (ids.size !== passengers.length) return fail('ITEMS_DUPLICATE', { metadata: { field: 'passengers' } });
  for (const [index, { passenger_id, seat_classes, seat, with_passenger_id }] of passengers.entries()) {
    const field = `passengers[${index}]`;
    if (!/^\d{1,20}$/.test(passenger_id)) return fail('PASSENGER_NOT_FOUND', { metadata: { field: `${field}.passenger_id` } });
    if (seat_classes.length === 0 || seat_classes.length > CLASSES_MAX) return fieldInvalid(`${field}.seat_classes`, '1 to 8 acceptable classes');
    if (new Set(seat_classes).size !== seat_classes.length) return fieldInvalid(`${field}.seat_classes`, 'a class is named twice');
    if (seat !== undefined && !seat_classes.includes(seat.seat_class)) return fail('SEAT_MALFORMED', { metadata: { field: `${field}.seat` } });
    if (with_passenger_id !== undefined && (with_passenger_id === passenger_id || !ids.has(with_passenger_id))) {
      return fieldInvalid(`${field}.with_passenger_id`, 'names nobody else of this order');
    }
  }
  return ok(undefined);
}
