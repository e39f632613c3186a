import { itemsWithoutHold, unclaimedItems } from '../domain/order_differences.ts';
import type { Hold } from '../domain/hold.ts';
import { seatNameOf } from '../domain/place.ts';
import type { RunHeader } from '../domain/run.ts';
import { difference, type Difference } from './compare_run.ts';
import type { Parts } from './parts.ts';
import type { OrderSource } from './ports.ts';
import { releaseHold } from './release_hold.ts';

type OrderParts = Parts & { orders: OrderSource };

/** `over`: a hold whose order is closed as a whole, which is final: nobody will ever need its places. */
export type OrderDifference = Difference & { over?: Hold };

/** Holds looked up at a time, of items that travel on another run than their order was placed on. */
const HOLDS_PER_QUERY = 500;

/**
 * What ledger and orders of some runs disagree on, as they are read: orders first, so that what an order lacks is not just a
 * hold that was given back meanwhile. An order on its way looks the same for a moment, so only what stays counts.
 */
export async function orderDifferences(parts: OrderParts, runs: readonly RunHeader[]): Promise<OrderDifference[]> {
  const by_id = new Map(runs.map((run) => [run.run_id, run]));
  const items = await parts.orders.liveItems([...by_id.keys()]);
  if (items === undefined) return runs.map((run) => difference(run, { kind: 'NOT_COMPARED', explanation: 'the orders could not be asked' }));
  const live = await parts.ledger.liveHolds(runs);
  const holds = new Map(live.map((hold) => [hold.hold_id, hold]));
  const missing = [...new Set(items.map(({ hold_id }) => hold_id))].filter((hold_id) => !holds.has(hold_id));
  for (let start = 0; start < missing.length; start += HOLDS_PER_QUERY) for (const [id, hold] of await parts.ledger.findHolds(missing.slice(start, start + HOLDS_PER_QUERY))) holds.set(id, hold);
  const named = await parts.runs.find([...new Set([...holds.values()].map(({ run_id }) => run_id))]);
  const nameOf = (hold: Hold, { class_code, index, from, to }: Hold['places'][number]) => ({ ...seatNameOf(named.get(hold.run_id)!.layout, class_code, index), from, to });
  const found: OrderDifference[] = itemsWithoutHold(items, holds, nameOf).map((one) => ({ ...one, seat: '', kind: 'ORDER_WITHOUT_HOLD', repaired: false }));
  for (const [hold, item_ids] of unclaimedItems(live, items)) {
    const one = await withoutOrder(parts, by_id.get(hold.run_id)!, hold, item_ids);
    if (one !== undefined) found.push(one);
  }
  return found;
}

/** Ends the hold of a closed order by the path of every release; as its owner and by the version that was compared, or not at all. */
export async function releaseOver(parts: Parts, { hold_id, run_id, owner, version }: Hold): Promise<boolean> {
  const released = await releaseHold(parts, { hold_id, run_id, owner, version, item_ids: [], reason: 'reconciled: the order is closed' });
  return released.ok && released.value.state === 'RELEASED';
}

/** Only these few are asked one by one. An order that has moved on meanwhile, or travels on another run, answers for itself. */
async function withoutOrder({ orders }: OrderParts, run: RunHeader, hold: Hold, item_ids: readonly string[]): Promise<OrderDifference | undefined> {
  const { hold_id, order_id } = hold;
  const named = { hold_id, order_id };
  const answer = await orders.ask(order_id, hold_id);
  if (answer === 'UNKNOWN') return difference(run, { ...named, kind: 'NOT_COMPARED', explanation: 'the order could not be asked' });
  if (answer === 'CLOSED') return { ...difference(run, { ...named, kind: 'HOLD_WITHOUT_ORDER', explanation: `the hold is ${hold.state}, the order is closed` }), over: hold };
  if (answer === 'MISSING') return difference(run, { ...named, kind: 'HOLD_WITHOUT_ORDER', explanation: `the hold is ${hold.state}, there is no such order` });
  if (answer === 'ENDED') return difference(run, { ...named, kind: 'HOLD_WITHOUT_ORDER', explanation: `the hold is ${hold.state}, the order has it no more` });
  // Its order needs the hold, but not all of it: some items were refunded and their release has not come through.
  const all = item_ids.length === new Set(hold.places.map(({ item_id }) => item_id)).size;
  return all ? undefined : difference(run, { ...named, kind: 'HOLD_WITHOUT_ORDER', explanation: `the order needs no places for item ${item_ids.join(', ')}` });
}
