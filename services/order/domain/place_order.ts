/** The order that an entry and its held places make. */
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { QueueEntry } from './entry.ts';
import { fareOf } from './fares.ts';
import type { Order, OrderItem, SeatPart } from './order.ts';

export type HeldPlaces = { hold_id: string; places: readonly { item_no: number; parts: readonly SeatPart[] }[] };
/** Who orders what: an entry of the queue, or who got places without it. */
export type Orderer = Pick<QueueEntry, 'entry_id' | 'account_id' | 'tenant' | 'channel' | 'request_id' | 'body'>;
export type PlaceOptions = { order_id: string; now_ms: number; pay_window_ms: number };

/**
 * Prices are by the places really held, from the fares quoted at submission. QUOTE_STALE when a place has no quoted
 * fare, or the total is more than the traveller agreed to: then the places go back.
 */
export function placeOrder(entry: Orderer, held: HeldPlaces, { order_id, now_ms, pay_window_ms }: PlaceOptions): Result<Order> {
  const items: OrderItem[] = [];
  for (const passenger of entry.body.passengers) {
    const parts = held.places.find(({ item_no }) => item_no === passenger.item_no)?.parts ?? [];
    const seat = parts[0]?.seat;
    if (seat === undefined) throw new Error(`hold ${held.hold_id} has no place for item ${passenger.item_no}`);
    const fare_fen = fareOf(entry.body.fares, seat, passenger.passenger_type);
    if (fare_fen === undefined) return fail('QUOTE_STALE', { detail: `no fare for ${seat.seat_class}` });
    const { item_no, passenger_id, person, passenger_name_masked, id_number_masked, passenger_type } = passenger;
    items.push({
      item_no,
      passenger_id,
      person,
      passenger_name_masked,
      id_number_masked,
      passenger_type,
      seat,
      seat_parts: [...parts],
      state: 'WAIT_PAY',
      version: 1,
      fare_fen,
      refunded_fen: 0,
      changed: false,
      hold_id: held.hold_id,
    });
  }
  const total_fen = items.reduce((sum, item) => sum + item.fare_fen, 0);
  if (entry.body.max_total_fen !== undefined && total_fen > entry.body.max_total_fen) return fail('QUOTE_STALE', { metadata: { total_fen: String(total_fen) } });
  return ok({
    order_id,
    account_id: entry.account_id,
    tenant: entry.tenant,
    channel: entry.channel,
    entry_id: entry.entry_id,
    request_id: entry.request_id,
    version: 1,
    state: 'WAIT_PAY',
    journey: entry.body.journey,
    hold_id: held.hold_id,
    total_fen,
    items,
    create_ms: now_ms,
    update_ms: now_ms,
    pay_expire_ms: now_ms + pay_window_ms,
    // The hold lives a minute by itself; from the attachment on only this order's end releases it.
    todo: ['attach'],
    attempts: 0,
  });
}
