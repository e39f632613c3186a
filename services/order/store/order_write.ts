/** Writing orders: every change with its items, timeline, event, audit and claims, in the caller's transaction. */
import type { SqlValue, Tx } from '#kit/store/mysql.ts';
import { activeTraceId } from '#kit/telemetry/trace.ts';
import { serviceDateAt } from '#kit/base/time.ts';
import { SYSTEM, type Actor } from '../app/actor.ts';
import type { WriteOptions } from '../app/ports.ts';
import type { OrderChange } from '../domain/change.ts';
import type { QueueEntry } from '../domain/entry.ts';
import type { Order, OrderItem } from '../domain/order.ts';
import { claimDays, freeDays } from './claims.ts';
import { dateOf, valuesOf } from './rows.ts';

export type AuditFacts = { operation: string; target: string; result: string; request_id?: string; version?: bigint };

/** What the stores need beside the database; events are encoded in events/. */
export type WriteTools = {
  now_ms(): number;
  audit(tx: Tx, actor: Actor, facts: AuditFacts): Promise<void>;
  tellPlaced(tx: Tx, order: Order): Promise<void>;
  tellChanged(tx: Tx, change: OrderChange): Promise<void>;
  tellEntryFailed(tx: Tx, entry: QueueEntry, reason: string): Promise<void>;
};

/** The driver comes by after this time, should this process end before it has attached the hold. */
const ATTACH_MS = 3000;

/** New orders, all WAIT_PAY. */
export async function insertOrders(tx: Tx, orders: readonly Order[], tools: WriteTools): Promise<void> {
  const rows = orders.flatMap<SqlValue>((order) => [
    BigInt(order.order_id), BigInt(order.account_id), order.tenant, order.channel, order.entry_id, order.request_id, order.journey.run_id, order.state,
    order.version, JSON.stringify(order.journey), order.hold_id, order.total_fen, order.todo.join(','), dateOf(order.create_ms), dateOf(order.update_ms), dateOf(order.pay_expire_ms),
  ]);
  await tx.later(
    `INSERT INTO orders (order_id, account_id, tenant, channel, entry_id, request_id, run_id, state, version, journey, hold_id, total_fen, todo, create_time, update_time, pay_expire_time)
     VALUES ${valuesOf(orders.length, 16)}`,
    rows,
  );
  await tx.later('UPDATE orders SET next_action_time = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE order_id IN (?)', [ATTACH_MS * 1000, orders.map(({ order_id }) => BigInt(order_id))]);
  const items = orders.flatMap((order) => order.items.map((item) => ({ order, item })));
  await tx.later(
    `INSERT INTO order_item (order_id, item_no, passenger_id, person, passenger_name_masked, id_number_masked, passenger_type, places, state, version, fare_fen, refunded_fen, changed, hold_id)
     VALUES ${valuesOf(items.length, 14)}`,
    items.flatMap<SqlValue>(({ order, item }) => [
      BigInt(order.order_id), item.item_no, item.passenger_id, item.person, item.passenger_name_masked, item.id_number_masked, item.passenger_type, JSON.stringify(item.seat_parts),
      item.state, item.version, item.fare_fen, item.refunded_fen, 0, item.hold_id,
    ]),
  );
  await insertTimeline(tx, items.map(({ order, item }) => ({ order, item, cause: 'placed' })));
  for (const order of orders) {
    await tools.audit(tx, SYSTEM, { operation: 'order.Place', target: `order/${order.order_id}`, result: 'ok', request_id: order.request_id, version: BigInt(order.version) });
    await tools.tellPlaced(tx, order);
  }
}

/** Writes a change when both the order and the moved items still have the versions it was made from; else nothing. */
export async function writeChange(tx: Tx, change: OrderChange, options: WriteOptions, tools: WriteTools): Promise<boolean> {
  const { before, after, moves, cause } = change;
  const updated = await tx.execute(
    `UPDATE orders SET state = ?, version = ?, close_reason = ?, hold_id = ?, payment_id = ?, refund_id = ?, todo = ?, update_time = ?, closing_time = ?, attempts = 0,
       next_action_time = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE order_id = ? AND version = ?`,
    [
      after.state, after.version, after.close_reason ?? null, after.hold_id, after.payment_id ?? null, after.refund_id ?? null, after.todo.join(','), dateOf(after.update_ms),
      after.closing_ms === undefined ? null : dateOf(after.closing_ms), options.next_ms === undefined ? null : options.next_ms * 1000, BigInt(before.order_id), before.version,
    ],
  );
  if (updated.affected_rows !== 1) return false;
  const moved = moves.map((move) => ({ ...move, item: after.items.find((item) => item.item_no === move.item_no)! }));
  for (const { item, from_version } of moved) await updateItem(tx, after.order_id, item, from_version);
  await insertTimeline(tx, moved.map(({ item, from }) => ({ order: after, item, from, cause })));
  await freeDays(tx, after.entry_id, moved.filter(({ item, from }) => item.state === 'CLOSED' && from !== 'CLOSED').map(({ item_no }) => item_no));
  await countCancellation(tx, change);
  await tools.audit(tx, options.actor, { operation: options.operation, target: `order/${after.order_id}`, result: 'ok', request_id: options.request_id, version: BigInt(after.version) });
  await tools.tellChanged(tx, change);
  return true;
}

/** The new journeys of changed items take their passengers' time; JOURNEY_OVERLAP when it is taken. */
export async function reclaim(tx: Tx, { after, reclaims = [] }: OrderChange): ReturnType<typeof claimDays> {
  await freeDays(tx, after.entry_id, reclaims.map(({ item_no }) => item_no));
  return claimDays(tx, after.entry_id, reclaims.flatMap(({ claims }) => claims), after.order_id);
}

async function updateItem(tx: Tx, order_id: string, item: OrderItem, from_version: number): Promise<void> {
  const updated = await tx.execute(
    `UPDATE order_item SET state = ?, version = ?, places = ?, fare_fen = ?, refunded_fen = ?, ticket_id = ?, close_reason = ?, journey = ?, changed = ?, hold_id = ?
     WHERE order_id = ? AND item_no = ? AND version = ?`,
    [
      item.state, item.version, JSON.stringify(item.seat_parts), item.fare_fen, item.refunded_fen, item.ticket_id ?? null, item.close_reason ?? null,
      item.journey === undefined ? null : JSON.stringify(item.journey), item.changed ? 1 : 0, item.hold_id, BigInt(order_id), item.item_no, from_version,
    ],
  );
  // The order's version was right, and every change of an item changes it: anything else here is a bug.
  if (updated.affected_rows !== 1) throw new Error(`item ${order_id}-${item.item_no} has another version than its order says`);
}

type TimelineEntry = { order: Order; item: OrderItem; from?: string; cause: string };

async function insertTimeline(tx: Tx, entries: readonly TimelineEntry[]): Promise<void> {
  await tx.later(
    `INSERT INTO order_timeline (order_id, order_version, item_no, time, from_state, to_state, cause, version, trace_id) VALUES ${valuesOf(entries.length, 9)}`,
    entries.flatMap<SqlValue>(({ order, item, from, cause }) => [
      BigInt(order.order_id), order.version, item.item_no, dateOf(order.update_ms), from ?? null, item.state, cause.slice(0, 255), item.version, activeTraceId() ?? '',
    ]),
  );
}

/** Unpaid orders that were given up or left to expire: seats that others could have had (12306: 一天 3 次). */
async function countCancellation(tx: Tx, { before, after }: OrderChange): Promise<void> {
  if (before.state !== 'CLOSING' || after.state !== 'CLOSED') return;
  const expired = after.close_reason === 'EXPIRED' && after.update_ms >= after.pay_expire_ms;
  if (after.close_reason !== 'CANCELLED' && !expired) return;
  await tx.later('INSERT INTO cancellation (account_id, day, cancelled) VALUES (?, ?, 1) ON DUPLICATE KEY UPDATE cancelled = cancelled + 1', [BigInt(after.account_id), serviceDateAt(after.update_ms)]);
}
