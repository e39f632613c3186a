/** Asks the other services what a purchase needs to know: people, train, prices. */
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { EntryBody, EntryPassenger } from '../domain/entry.ts';
import { lowestFare, type Fare } from '../domain/fares.ts';
import type { Seat, SeatClass } from '../domain/order.ts';
import type { SubmitRequest } from '../domain/request.ts';
import { checkSale, journeyOn } from '../domain/sale.ts';
import { seatsOfLock } from '../domain/seat_lock.ts';
import type { AccountFacts, Actor } from './actor.ts';
import type { Identity, Inventory, ResolvedPassenger, Timetable } from './peers.ts';
import type { Ports } from './ports.ts';

type Asked = Pick<Ports, 'clock'> & { identity: Identity; timetable: Timetable; inventory: Pick<Inventory, 'findLock'> };

/**
 * PASSENGER_NOT_FOUND, REAL_NAME_REQUIRED, ITEMS_DUPLICATE, the sale's reasons, SEAT_CLASS_UNKNOWN, QUOTE_STALE, and those of
 * a seat lock that is not what it should be.
 */
export async function resolveSubmission(ports: Asked, request: SubmitRequest, actor: Actor & { account: AccountFacts }): Promise<Result<EntryBody>> {
  const [people, run, lock] = await Promise.all([
    ports.identity.resolve(actor, request.passengers.map(({ passenger_id }) => passenger_id)),
    ports.timetable.run(actor, request.run_id),
    request.seat_lock_id === '' ? ok(undefined) : ports.inventory.findLock(actor, { lock_id: request.seat_lock_id, run_id: request.run_id }),
  ]);
  if (!run.ok) return run;
  const journey = journeyOn(run.value, request.from_station_id, request.to_station_id);
  if (!journey.ok) return journey;
  const sale = checkSale(run.value, journey.value, ports.clock.now_ms());
  if (!sale.ok) return sale;
  if (!people.ok) return people;
  if (!lock.ok) return lock;
  const seats = lock.value === undefined ? ok(undefined) : seatsOfLock(lock.value, { account_id: actor.account.account_id, journey: journey.value, passengers: request.passengers });
  if (!seats.ok) return seats;
  const passengers = passengersOf(request, people.value, seats.value);
  if (!passengers.ok) return passengers;

  const { run_id, from_station_id, to_station_id } = request;
  const seat_classes = [...new Set(passengers.value.flatMap((passenger) => passenger.seat_classes))];
  const passenger_types = [...new Set(passengers.value.map((passenger) => passenger.passenger_type))];
  const fares = await ports.timetable.quote(actor, { run_id, from_station_id, to_station_id, seat_classes, passenger_types });
  if (!fares.ok) return fares;
  const priced = checkPrice(passengers.value, fares.value, request.max_total_fen);
  if (!priced.ok) return priced;
  return ok({
    journey: journey.value,
    passengers: passengers.value,
    preference: request.preference,
    accept_same_train_change: request.accept_same_train_change,
    seat_lock_id: lock.value === undefined ? undefined : request.seat_lock_id,
    fares: fares.value,
    max_total_fen: request.max_total_fen,
  });
}

/** With locked seats each passenger gets the seat of the same number, and its class is the only one to be priced. */
function passengersOf(request: SubmitRequest, people: readonly ResolvedPassenger[], locked: readonly Seat[] | undefined): Result<EntryPassenger[]> {
  const passengers: EntryPassenger[] = [];
  for (const [index, wish] of request.passengers.entries()) {
    const person = people[index];
    const field = `passengers[${index}]`;
    if (person === undefined || person.passenger_id !== wish.passenger_id) return fail('PASSENGER_NOT_FOUND', { metadata: { field } });
    if (!person.verified) return fail(person.rejected ? 'REAL_NAME_REJECTED' : 'REAL_NAME_REQUIRED', { metadata: { field } });
    // Anybody may travel at the full price; a discount must be the passenger's own.
    if (wish.passenger_type !== 'ADULT' && wish.passenger_type !== person.passenger_type) return fieldInvalid(`${field}.passenger_type`, 'not the type of this passenger');
    passengers.push({
      item_no: index + 1,
      passenger_id: wish.passenger_id,
      person: person.person,
      passenger_name_masked: person.name_masked,
      id_number_masked: person.id_number_masked,
      passenger_type: wish.passenger_type,
      seat_classes: locked === undefined ? withStanding(wish.seat_classes, request.accept_standing) : [locked[index]!.seat_class],
      seat: locked === undefined ? wish.seat : locked[index]!,
    });
  }
  // One person under two passenger entries travels only once as well.
  if (new Set(passengers.map(({ person }) => person)).size !== passengers.length) return fail('ITEMS_DUPLICATE');
  return ok(passengers);
}

function withStanding(seat_classes: readonly SeatClass[], accept_standing: boolean): SeatClass[] {
  return accept_standing && !seat_classes.includes('STANDING') ? [...seat_classes, 'STANDING'] : [...seat_classes];
}

/** Refuses early what can't be had at the agreed price; the price itself is made from the places held. */
function checkPrice(passengers: readonly EntryPassenger[], fares: readonly Fare[], max_total_fen: number | undefined): Result<undefined> {
  let least_fen = 0;
  for (const { seat_classes, passenger_type } of passengers) {
    const lowest = lowestFare(fares, seat_classes, passenger_type);
    if (!lowest.ok) return lowest;
    least_fen += lowest.value;
  }
  if (max_total_fen !== undefined && least_fen > max_total_fen) return fail('QUOTE_STALE', { metadata: { lowest_total_fen: String(least_fen) } });
  return ok(undefined);
}
