import type { Clock } from '#kit/base/clock.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { Fare } from '../domain/change.ts';
import { quoteChange, type ChangeQuote, type OrderTickets, type Wish } from '../domain/change_quote.ts';
import type { ChangeTickets, TicketsView, Timetable } from './change_ports.ts';

export type QuoteDeps = { clock: Clock; view: TicketsView; timetable: Timetable; tickets: Pick<ChangeTickets, 'valid'>; at_counter: boolean };

export type Quoted = { order: OrderTickets; quote: ChangeQuote; fares: readonly Fare[] };

/** An order has at most this many items. */
const MAX_ITEMS = 5;

/** What the wanted change would cost now. Holds nothing and changes nothing. */
export async function askQuote(deps: QuoteDeps, wish: Wish): Promise<Result<Quoted>> {
  if (wish.item_ids.length > MAX_ITEMS) return fail('FIELD_INVALID', { detail: `at most ${MAX_ITEMS} items`, metadata: { field: 'item_ids' } });
  const order = await deps.view(wish.order_id);
  if (!order.ok) return order;
  const named = order.value.items.filter(({ item_id }) => wish.item_ids.includes(item_id));
  const old_run_id = named[0]?.journey.run_id;
  const passenger_types = [...new Set(named.map(({ passenger_type }) => passenger_type))];
  const [run, old_run, ride, valid] = await Promise.all([
    deps.timetable.run(wish.run_id),
    old_run_id === undefined ? fail('TRAIN_RUN_NOT_FOUND') : deps.timetable.run(old_run_id),
    deps.timetable.quote({ ...wish, passenger_types }),
    deps.tickets.valid(wish.order_id),
  ]);
  if (!run.ok) return run;
  if (!ride.ok) return ride;
  if (!valid.ok) return valid;
  const facts = { ...ride.value, run: run.value, old_run: old_run.ok ? old_run.value : undefined, valid: valid.value };
  const quote = quoteChange(order.value, wish, facts, { now_ms: deps.clock.now_ms(), at_counter: deps.at_counter });
  return quote.ok ? ok({ order: order.value, quote: quote.value, fares: ride.value.fares }) : quote;
}
