import { createHash } from 'node:crypto';
import type { Clock } from '#kit/base/clock.ts';
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { PassengerType, Standby, Traveller, Wish } from '../domain/standby.ts';
import { standbyPriorityOf } from '../domain/standby_priority.ts';
import type { OutlookParts } from './estimate_standby.ts';
import { outlookOf } from './estimate_standby.ts';
import type { StandbyActor, StandbyPeople, StandbySeats, StandbyStore, StandbyTimetable, WishRequest } from './standby_ports.ts';

export type CreateStandby = { request_id: string; wishes: readonly WishRequest[]; passenger_ids: readonly string[]; passenger_types: readonly PassengerType[]; deadline_ms: number; match_after_ms?: number };

export type CreateStandbyParts = OutlookParts & { standbys: StandbyStore; seats: StandbySeats; people: StandbyPeople; timetable: StandbyTimetable; clock: Clock; /** After the commit. */ onWaiting: (run_ids: readonly string[]) => void };

const WISHES_MAX = 10;
const CLASSES_MAX = 8;
/** 候补 is for those who could buy together: as many as an order has. */
export const TRAVELLERS_MAX = 5;

/**
 * Enters the queues of every named run. Idempotent by request id. DEADLINE_IN_PAST, TRAIN_DEPARTED, STANDBY_NOT_NEEDED when one of the
 * wishes can be bought for the whole group now (not asked where it is matched later only: what is on sale until then is for a queue), JOURNEY_OVERLAP when a person waits for another journey at that time,
 * and what is wrong with passengers or trains.
 */
export async function createStandby(parts: CreateStandbyParts, wanted: CreateStandby, actor: StandbyActor): Promise<Result<Standby>> {
  const { standbys, clock } = parts;
  const { request_id, ...body } = wanted;
  const body_hash = createHash('sha256').update(JSON.stringify(body)).digest();
  const known = await standbys.ofRequest(actor.account_id, request_id, body_hash);
  if (!known.ok) return known;
  if (known.value !== undefined) return ok(known.value);
  const checked = checkRequest(wanted, clock.now_ms());
  if (!checked.ok) return checked;
  const [wishes, travellers] = await Promise.all([resolveWishes(parts, wanted.wishes), resolveTravellers(parts, wanted, actor)]);
  if (!wishes.ok) return wishes;
  if (!travellers.ok) return travellers;
  const { match_after_ms } = wanted;
  const needed = match_after_ms === undefined ? await checkNeeded(parts, wishes.value, travellers.value.length) : ok();
  if (!needed.ok) return needed;

  const priority = standbyPriorityOf({ waited_ms: 0, member_level: actor.member_level, passengers: travellers.value.length });
  // After the last departure there is nothing to wait for.
  const deadline_ms = Math.min(wanted.deadline_ms, Math.max(...wishes.value.map(({ departure_ms }) => departure_ms)));
  const { raw_odds } = await outlookOf(parts, wishes.value, travellers.value.length, { priority, deadline_ms });
  const created = await standbys.create({ request_id, body_hash, wishes: wishes.value, travellers: travellers.value, deadline_ms, match_after_ms, priority, raw_odds }, actor);
  if (created.ok) parts.onWaiting([...new Set(wishes.value.map(({ run_id }) => run_id))]);
  return created;
}

/** What two wishes may not have in common. */
function rideName({ run_id, from_station_id, to_station_id }: WishRequest): string {
  return `${run_id} ${from_station_id} ${to_station_id}`;
}

/** The wishes on their trains as these are now; each run and stretch once. */
export async function resolveWishes({ timetable }: { timetable: StandbyTimetable }, wanted: readonly WishRequest[], rideOf = rideName): Promise<Result<Wish[]>> {
  if (wanted.length === 0 || wanted.length > WISHES_MAX) return fieldInvalid('wishes', `1 to ${WISHES_MAX} wishes`);
  const named = new Set(wanted.map((wish) => rideOf(wish)));
  if (named.size < wanted.length) return fieldInvalid('wishes', 'a ride is named twice');
  const wishes: Wish[] = [];
  for (const [index, wish] of wanted.entries()) {
    const classes = new Set(wish.seat_classes);
    // Nobody waits for a standing place.
    if (classes.size === 0 || classes.size > CLASSES_MAX || classes.size < wish.seat_classes.length || classes.has('STANDING')) return fieldInvalid(`wishes[${index}].seat_classes`, 'classes with seats, each once');
    const resolved = await timetable.wish(wish);
    if (!resolved.ok) return resolved;
    wishes.push(resolved.value);
  }
  return ok(wishes);
}

function checkRequest({ passenger_ids, passenger_types, deadline_ms }: CreateStandby, now_ms: number): Result<undefined> {
  if (deadline_ms <= now_ms) return fail('DEADLINE_IN_PAST');
  if (passenger_ids.length === 0) return fieldInvalid('passenger_ids', 'at least one passenger');
  if (passenger_ids.length > TRAVELLERS_MAX) return fail('TOO_MANY_PASSENGERS', { metadata: { field: 'passenger_ids', limit: String(TRAVELLERS_MAX) } });
  if (new Set(passenger_ids).size < passenger_ids.length) return fail('ITEMS_DUPLICATE');
  if (passenger_types.length !== 0 && passenger_types.length !== passenger_ids.length) return fieldInvalid('passenger_types', 'one for each passenger');
  return passenger_ids.every((passenger_id) => /^\d{1,20}$/.test(passenger_id)) ? ok() : fail('PASSENGER_NOT_FOUND');
}

async function resolveTravellers({ people }: CreateStandbyParts, { passenger_ids, passenger_types }: CreateStandby, { account_id }: StandbyActor): Promise<Result<Traveller[]>> {
  const resolved = await people.resolve(account_id, passenger_ids);
  if (!resolved.ok) return resolved;
  const travellers: Traveller[] = [];
  for (const [index, passenger_id] of passenger_ids.entries()) {
    const person = resolved.value[index];
    const field = `passenger_ids[${index}]`;
    if (person?.passenger_id !== passenger_id) return fail('PASSENGER_NOT_FOUND', { metadata: { field } });
    if (!person.verified) return fail(person.rejected ? 'REAL_NAME_REJECTED' : 'REAL_NAME_REQUIRED', { metadata: { field } });
    const passenger_type = passenger_types[index] ?? 'ADULT';
    // Anybody may travel at the full price; a discount must be the passenger's own.
    if (passenger_type !== 'ADULT' && passenger_type !== person.passenger_type) return fieldInvalid(`passenger_types[${index}]`, 'not the type of this passenger');
    travellers.push({ passenger_id, passenger_type, person: person.person });
  }
  return new Set(travellers.map(({ person }) => person)).size < travellers.length ? fail('ITEMS_DUPLICATE') : ok(travellers);
}

/** STANDBY_NOT_NEEDED when one of the wishes can be had for all now. */
export async function checkNeeded({ seats }: Pick<CreateStandbyParts, 'seats'>, wishes: readonly Wish[], passengers: number): Promise<Result<undefined>> {
  for (const wish of wishes) {
    const free = await seats.onSale(wish);
    if (!free.ok) return free;
    const count = wish.seat_classes.reduce((sum, seat_class) => sum + (free.value.get(seat_class) ?? 0), 0);
    if (count >= passengers) return fail('STANDBY_NOT_NEEDED', { metadata: { run_id: wish.run_id } });
  }
  return ok();
}
