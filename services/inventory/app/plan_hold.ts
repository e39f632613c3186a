import { createHash } from 'node:crypto';
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { CLASS_CODE, type SeatClass } from '../domain/seat_class.ts';
import { quotasFor } from '../domain/quota.ts';
import { holdBody, HOLD_TTL_MS, MAX_HOLD_ID, MAX_HOLD_TTL_MS, MAX_ITEMS, type Hold, type HoldItem, type HoldRequest, type SeatPreference } from '../domain/hold.ts';
import { isGone } from '../domain/coach_change.ts';
import { findSeat } from '../domain/place.ts';
import { departed, type RunHeader } from '../domain/run.ts';
import { stretchBetween, type Stretch } from '../domain/stretch.ts';
import type { PlannedHold, PlannedItem } from './ports.ts';

/** Checks a request against its run and resolves stops, classes, seats and quotas. `replaces`: the hold it takes the place of. */
export function planHold(request: HoldRequest, run: RunHeader, now_ms: number, replaces?: Hold): Result<PlannedHold> {
  if (!/^[\x21-\x7e]+$/.test(request.hold_id) || request.hold_id.length > MAX_HOLD_ID) return fieldInvalid('hold_id', `1 to ${MAX_HOLD_ID} printable characters`);
  if (request.hold_ttl_ms > MAX_HOLD_TTL_MS) return fieldInvalid('hold_ttl_ms', `at most ${MAX_HOLD_TTL_MS}`);
  if (run.change?.cancelled === true) return fail('RUN_CANCELLED');
  const stretch = stretchBetween(run.stops.map(({ station_id }) => station_id), request.from_station_id, request.to_station_id);
  if (stretch === undefined) return fail('STOPS_NOT_ON_RUN');
  const items = planItems(request, run, stretch);
  if (!items.ok) return items;
  if (mustShareCoach(request) && !someCoachHas(items.value, run)) return fail('TOO_MANY_PASSENGERS', { detail: 'more than a coach has seats' });
  if (run.sale_start_ms > now_ms) return fail('SALE_NOT_OPEN', { retry_after_ms: run.sale_start_ms - now_ms });
  if (departed(run, stretch.from, now_ms)) return fail('TRAIN_DEPARTED');
  return ok({ ...plannedHold(request, run, stretch, items.value), replaces });
}

function mustShareCoach({ preference: { required, together, same_coach } }: HoldRequest): boolean {
  return required && (together || same_coach);
}

/** Whether a coach of some class that all of the group accept has as many seats, free or not. */
function someCoachHas(items: readonly PlannedItem[], { layout: { coaches } }: RunHeader): boolean {
  const unnamed = items.filter(({ seat }) => seat === undefined);
  return unnamed.length <= 1 || coaches.some(({ seat_class, seat_count }) => seat_count >= unnamed.length && unnamed.every(({ classes }) => classes.includes(String(CLASS_CODE[seat_class]))));
}

/** Says whether a repeat has the same body; kept with every hold, so no longer than that needs. */
const BODY_HASH_BYTES = 16;

function plannedHold(request: HoldRequest, run: RunHeader, stretch: Stretch, items: PlannedItem[]): PlannedHold {
  const { hold_id, owner, account_id, hold_ttl_ms, accept_same_train_change, preference } = request;
  const body_hash = new Uint8Array(createHash('sha256').update(holdBody(request, stretch)).digest().subarray(0, BODY_HASH_BYTES));
  return { hold_id, run, owner, body_hash, ...stretch, items, wish: wishOf(preference), changes: accept_same_train_change, ttl_ms: hold_ttl_ms === 0 ? HOLD_TTL_MS : hold_ttl_ms, account_id };
}

function planItems({ items, channel }: HoldRequest, run: RunHeader, stretch: Stretch): Result<PlannedItem[]> {
  if (items.length === 0 || items.length > MAX_ITEMS) return fail('TOO_MANY_PASSENGERS', { detail: `1 to ${MAX_ITEMS} items` });
  if (new Set(items.map(({ item_id }) => item_id)).size !== items.length) return fail('ITEMS_DUPLICATE');
  const planned: PlannedItem[] = [];
  const named = new Set<string>();
  for (const item of items) {
    const one = planItem(item, run, quotasFor(run.quotas, { channel, passenger_type: item.passenger_type }, stretch));
    if (!one.ok) return one;
    const name = one.value.seat?.join('/');
    if (name !== undefined && named.has(name)) return fail('SEAT_MALFORMED', { detail: 'a seat is named twice' });
    if (name !== undefined) named.add(name);
    planned.push(one.value);
  }
  return ok(planned);
}

function planItem({ item_id, seat_classes, seat }: HoldItem, run: RunHeader, quotas: readonly number[]): Result<PlannedItem> {
  if (!/^[\w.:-]{1,64}$/.test(item_id)) return fieldInvalid('item_id', '1 to 64 letters, digits, or . : _ -');
  if (seat !== undefined) {
    const found = findSeat(run.layout, seat.coach_no, seat.seat_no, ({ class_code, index }) => isGone(run.change?.gone ?? [], class_code, index));
    return found === undefined ? fail('SEAT_MALFORMED') : ok({ id: item_id, classes: [], quotas, seat: [found.class_code, found.index] });
  }
  const offered = [...new Set(seat_classes)].filter((seat_class) => offers(run, seat_class));
  if (offered.length === 0) return fail('SEAT_CLASS_UNKNOWN');
  return ok({ id: item_id, quotas, classes: offered.map((seat_class) => String(CLASS_CODE[seat_class])) });
}

function offers(run: RunHeader, seat_class: SeatClass): boolean {
  return seat_class === 'standing' ? run.standing_capacity > 0 : run.layout.classes.some((entry) => entry.seat_class === seat_class);
}

function wishOf({ window, aisle, letters, berth, quiet_coach, together, same_coach, required }: SeatPreference): PlannedHold['wish'] {
  const flags = [...(window ? ['window'] : []), ...(aisle ? ['aisle'] : []), ...(berth === undefined ? [] : [berth]), ...(quiet_coach ? ['quiet'] : [])];
  return { flags, letters: [...new Set(letters)].sort().join('').slice(0, 8), together, same_coach, required };
}
