import { createHash } from 'node:crypto';
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { OrderTickets, TicketItem } from '../domain/change_quote.ts';
import { GATE_CUT_OFF_MS } from '../domain/quote.ts';
import { standbyPriorityOf } from '../domain/standby_priority.ts';
import type { PassengerType, Standby, Traveller, Wish } from '../domain/standby.ts';
import { chooseTickets, isAbove, leastDifference, type Upgrade } from '../domain/upgrade.ts';
import type { TicketsView } from './change_ports.ts';
import { checkNeeded, resolveWishes, type CreateStandbyParts } from './create_standby.ts';
import { outlookOf } from './estimate_standby.ts';
import { askQuote } from './quote_change.ts';
import type { StandbyActor, WishRequest } from './standby_ports.ts';
import type { UpgradeQuotes } from './upgrade_ports.ts';

export type CreateUpgrade = { request_id: string; order_id: string; item_ids: readonly string[]; passenger_ids: readonly string[]; wishes: readonly WishRequest[]; deadline_ms: number; /** Any where undefined. */ max_difference_fen: number | undefined };

export type CreateUpgradeParts = CreateStandbyParts & { quotes: UpgradeQuotes };

/**
 * Has tickets of an order wait for better trains: in the queue of every run it names, like any standby. Idempotent by request id. Each
 * wish must be a change that could be made now: what a change is refused for is refused here, and what would cost more than
 * the traveller accepts. STANDBY_NOT_NEEDED where a wish can be had now; CHANGE_NOT_ALLOWED of rule UPGRADE_OPEN where a ticket waits already;
 * JOURNEY_OVERLAP where a person waits for another journey at that time. Journeys of the person's other orders count when a
 * seat is matched, as for any standby; the ticket's own never does.
 */
export async function createUpgrade(parts: CreateUpgradeParts, view: TicketsView, wanted: CreateUpgrade, actor: StandbyActor): Promise<Result<Standby>> {
  const { standbys, clock } = parts;
  const { request_id, ...body } = wanted;
  const body_hash = createHash('sha256').update(JSON.stringify(body)).digest();
  const known = await standbys.ofRequest(actor.account_id, request_id, body_hash);
  if (!known.ok) return known;
  if (known.value !== undefined) return ok(known.value);
  if (wanted.deadline_ms <= clock.now_ms()) return fail('DEADLINE_IN_PAST');
  const order = await view(wanted.order_id);
  if (!order.ok) return order;
  const tickets = chooseTickets(order.value, wanted.item_ids, wanted.passenger_ids);
  if (!tickets.ok) return tickets;
  const [wishes, travellers] = await Promise.all([wishesOf(parts, wanted.wishes), travellersOf(parts, order.value, tickets.value)]);
  if (!wishes.ok) return wishes;
  if (!travellers.ok) return travellers;
  const upgrade: Upgrade = {
    order_id: wanted.order_id, items: tickets.value.map(({ item_id, item_no }) => ({ item_id, item_no })), max_difference_fen: wanted.max_difference_fen, passed: [],
    closes_ms: Math.min(...tickets.value.map(({ journey }) => journey.departure_ms)) - GATE_CUT_OFF_MS,
  };
  const possible = await checkChanges(parts, wishes.value, upgrade, async () => order);
  if (!possible.ok) return possible;
  const needed = await checkNeeded(parts, wishes.value, travellers.value.length);
  if (!needed.ok) return needed;

  const priority = standbyPriorityOf({ waited_ms: 0, member_level: actor.member_level, passengers: travellers.value.length });
  const deadline_ms = Math.min(wanted.deadline_ms, upgrade.closes_ms, Math.max(...wishes.value.map(({ departure_ms }) => departure_ms)));
  const { raw_odds } = await outlookOf(parts, wishes.value, travellers.value.length, { priority, deadline_ms });
  const created = await standbys.create({ request_id, body_hash, wishes: wishes.value, travellers: travellers.value, deadline_ms, match_after_ms: undefined, priority, raw_odds, upgrade }, actor);
  if (created.ok) parts.onWaiting([...new Set(wishes.value.map(({ run_id }) => run_id))]);
  return created;
}

/** A change is to one class: which of two is taken must not depend on the seats, so each is a wish of its own. */
async function wishesOf(parts: CreateUpgradeParts, wanted: readonly WishRequest[]): Promise<Result<Wish[]>> {
  const several = wanted.findIndex(({ seat_classes }) => seat_classes.length !== 1);
  if (several >= 0) return fieldInvalid(`wishes[${several}].seat_classes`, 'one class; another one is another wish');
  return resolveWishes(parts, wanted, ({ run_id, from_station_id, to_station_id, seat_classes }) => [run_id, from_station_id, to_station_id, seat_classes[0]].join(' '));
}

async function travellersOf({ people }: CreateUpgradeParts, { account_id }: OrderTickets, tickets: readonly TicketItem[]): Promise<Result<Traveller[]>> {
  const resolved = await people.resolve(account_id, tickets.map(({ passenger_id }) => passenger_id));
  if (!resolved.ok) return resolved;
  const travellers: Traveller[] = [];
  for (const { passenger_id, passenger_type } of tickets) {
    const person = resolved.value.find((candidate) => candidate.passenger_id === passenger_id)?.person;
    if (person === undefined) return fail('PASSENGER_NOT_FOUND');
    travellers.push({ passenger_id, passenger_type: passenger_type as PassengerType, person });
  }
  return new Set(travellers.map(({ person }) => person)).size < travellers.length ? fail('ITEMS_DUPLICATE') : ok(travellers);
}

async function checkChanges({ quotes }: CreateUpgradeParts, wishes: readonly Wish[], { order_id, items, max_difference_fen }: Upgrade, view: TicketsView): Promise<Result<undefined>> {
  const item_ids = items.map(({ item_id }) => item_id);
  const asked = await Promise.all(wishes.map(({ run_id, from_station_id, to_station_id, seat_classes }) => askQuote({ ...quotes, view, at_counter: false }, { order_id, item_ids, run_id, from_station_id, to_station_id, seat_class: seat_classes[0]! })));
  for (const [index, quoted] of asked.entries()) {
    const field = `wishes[${index}]`;
    if (!quoted.ok) return { ok: false, error: { ...quoted.error, metadata: { ...quoted.error.metadata, field } } };
    const least_fen = leastDifference(quoted.value.quote, quoted.value.fares);
    if (isAbove(least_fen, max_difference_fen)) return fail('CHANGE_ABOVE_LIMIT', { metadata: { field, difference_fen: String(least_fen) } });
  }
  return ok();
}
