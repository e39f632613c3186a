/** Writing orders: every change with its items, timeline, event, audit and claims, in the caller's transaction. */
import { assignments, eachRow, type SqlPart } from '#kit/store/each_row.ts';
import type { SqlValue, Tx } from '#kit/store/mysql.ts';
import { activeTraceId, traceHeaders } from '#kit/telemetry/trace.ts';
import { serviceDateAt } from '#kit/base/time.ts';
import { SYSTEM, type Actor } from '../app/actor.ts';
import type { WriteOptions } from '../app/ports.ts';
import type { ClaimChange, OrderChange } from '../domain/change.ts';
import { claimOrder } from '../domain/claim.ts';
import type { QueueEntry } from '../domain/entry.ts';
import { itemIdOf, type Order, type OrderItem } from '../domain/order.ts';
import { claimDays, freeDays, freeDaysBeside, freeDaysOf } from './claims.ts';
import { dateOf, valuesOf } from './rows.ts';

export type AuditFacts = { operation: string; target: string; result: string; request_id?: string; version?: bigint };

/** What the stores need beside the database; events are encoded in events/. */
export type WriteTools = {
  now_ms(): number;
  /** All in one statement. */
  audit(tx: Tx, entries: readonly (AuditFacts & { actor: Actor })[]): Promise<void>;
  tellPlaced(tx: Tx, orders: readonly Order[]): Promise<void>;
  tellChanged(tx: Tx, writes: readonly OrderWrite[]): Promise<void>;
  tellEntryFailed(tx: Tx, entry: QueueEntry, reason: string): Promise<void>;
};

/** The driver comes by after this time, should this process end before it has attached the hold. */
const ATTACH_MS = 3000;

/** New orders, all WAIT_PAY. */
export async function insertOrders(tx: Tx, orders: readonly Order[], tools: WriteTools, cause = 'placed'): Promise<void> {
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
  const { trace_id } = activeTrace();
  await insertTimeline(tx, items.map(({ order, item }) => ({ order, item, cause, trace_id })));
  await tools.audit(tx, orders.map(({ order_id, request_id, version }) => ({ actor: SYSTEM, operation: 'order.Place', target: `order/${order_id}`, result: 'ok', request_id, version: BigInt(version) })));
  await tools.tellPlaced(tx, orders);
}

export type OrderWrite = { change: OrderChange; options: WriteOptions; trace: Trace };

/** What a write belongs to, wherever it is written. */
export type Trace = { trace_id: string; headers: Record<string, string> };

export function activeTrace(): Trace {
  return { trace_id: activeTraceId() ?? '', headers: traceHeaders() };
}

/** Writes a change when both the order and the moved items still have the versions it was made from; else nothing. */
export async function writeChange(tx: Tx, change: OrderChange, options: WriteOptions, tools: WriteTools): Promise<boolean> {
  return writeChanges(tx, [{ change, options, trace: activeTrace() }], tools);
}

/**
 * The same for changes of several orders: all or none. An order stands among them once. False when one was made from
 * another version than is stored; of several some are written then, and the transaction must not commit.
 */
export async function writeChanges(tx: Tx, writes: readonly OrderWrite[], tools: WriteTools): Promise<boolean> {
  if (!(await updateOrders(tx, writes))) return false;
  const moved = writes.flatMap(({ change: { after, moves, cause }, trace: { trace_id } }) => moves.map((move) => ({ order: after, cause, trace_id, ...move, item: after.items.find((item) => item.item_no === move.item_no)! })));
  await updateItems(tx, moved);
  const whole = writes.filter(({ change }) => change.event === 'RUN_CHANGED').map(({ change: { after, cause }, trace: { trace_id } }) => ({ order: after, from: after.state, cause, trace_id }));
  await insertTimeline(tx, [...moved, ...whole]);
  await freeClosed(tx, writes.map(({ change }) => change));
  await countCancellations(tx, writes.map(({ change }) => change));
  await tools.audit(tx, writes.map(({ change: { after }, options: { actor, operation, request_id } }) => ({ actor, operation, target: `order/${after.order_id}`, result: 'ok', request_id, version: BigInt(after.version) })));
  await tools.tellChanged(tx, writes);
  return true;
}

/** What a change of train does to its passengers' time, see ClaimChange; JOURNEY_OVERLAP when another journey has it. */
export async function reclaim(tx: Tx, { after, claimed = [] }: OrderChange): ReturnType<typeof claimDays> {
  const { order_id, entry_id } = after;
  const itemsOf = (how: ClaimChange['how']) => claimed.filter((one) => one.how === how).map(({ item_no }) => item_no);
  await freeDays(tx, entry_id, itemsOf('INSTEAD'));
  await freeDaysBeside(tx, entry_id, itemsOf('BACK'));
  const instead = await claimDays(tx, entry_id, claimsOf('INSTEAD'), { order_id });
  return instead.ok ? claimDays(tx, entry_id, claimsOf('BESIDE'), { order_id, beside: true }) : instead;

  function claimsOf(how: ClaimChange['how']) {
    return claimed.filter((one) => one.how === how).flatMap(({ claims }) => claims).toSorted(claimOrder);
  }
}

async function updateOrders(tx: Tx, writes: readonly OrderWrite[]): Promise<boolean> {
  const ids = writes.map(({ change }) => BigInt(change.before.order_id));
  const each = (value: (write: OrderWrite) => SqlValue) => eachRow('order_id', ids, writes.map(value));
  const set = assignments({
    state: each(({ change }) => change.after.state),
    version: each(({ change }) => change.after.version),
    close_reason: each(({ change }) => change.after.close_reason),
    hold_id: each(({ change }) => change.after.hold_id),
    payment_id: each(({ change }) => change.after.payment_id),
    refund_id: each(({ change }) => change.after.refund_id),
    todo: each(({ change }) => change.after.todo.join(',')),
    update_time: each(({ change }) => dateOf(change.after.update_ms)),
    closing_time: each(({ change: { after } }) => (after.closing_ms === undefined ? null : dateOf(after.closing_ms))),
    attempts: { sql: '0', params: [] },
  });
  const next = each(({ options: { next_ms } }) => (next_ms === undefined ? null : next_ms * 1000));
  const before = eachVersion('order_id', ids, writes.map(({ change }) => change.before.version));
  const updated = await tx.execute(`UPDATE orders SET ${set.sql}, next_action_time = UTC_TIMESTAMP(3) + INTERVAL ${next.sql} MICROSECOND WHERE order_id IN (?) AND version = ${before.sql}`, [
    ...set.params, ...next.params, ids, ...before.params,
  ]);
  return updated.affected_rows === writes.length;
}

type MovedItem = { order: Order; item: OrderItem; from_version: number };

/** Names a row of order_item. */
const ITEM_KEY = "CONCAT(order_id, '-', item_no)";

async function updateItems(tx: Tx, moved: readonly MovedItem[]): Promise<void> {
  if (moved.length === 0) return;
  const keys = moved.map(({ order, item }) => itemIdOf(order.order_id, item.item_no));
  const each = (value: (item: OrderItem) => SqlValue) => eachRow(ITEM_KEY, keys, moved.map(({ item }) => value(item)));
  const set = assignments({
    state: each(({ state }) => state),
    version: each(({ version }) => version),
    places: each(({ seat_parts }) => JSON.stringify(seat_parts)),
    fare_fen: each(({ fare_fen }) => fare_fen),
    refunded_fen: each(({ refunded_fen }) => refunded_fen),
    ticket_id: each(({ ticket_id }) => ticket_id),
    close_reason: each(({ close_reason }) => close_reason),
    journey: each(({ journey }) => (journey === undefined ? null : JSON.stringify(journey))),
    changed: each(({ changed }) => (changed ? 1 : 0)),
    hold_id: each(({ hold_id }) => hold_id),
    money: each(({ money }) => (money === undefined ? null : JSON.stringify(money))),
  });
  const before = eachVersion(ITEM_KEY, keys, moved.map(({ from_version }) => from_version));
  const order_ids = [...new Set(moved.map(({ order }) => order.order_id))].map(BigInt);
  const updated = await tx.execute(`UPDATE order_item SET ${set.sql} WHERE order_id IN (?) AND ${ITEM_KEY} IN (?) AND version = ${before.sql}`, [...set.params, order_ids, keys, ...before.params]);
  // The orders' versions were right, and every change of an item changes its order's: anything else here is a bug.
  if (updated.affected_rows !== moved.length) throw new Error(`an item of ${keys.join(', ')} has another version than its order says`);
}

/** A number to compare with, where it differs between rows. */
function eachVersion(key: string, keys: readonly SqlValue[], versions: readonly number[]): SqlPart {
  const { sql, params } = eachRow(key, keys, versions);
  return { sql: sql === '?' ? sql : `CAST(${sql} AS UNSIGNED)`, params };
}

/** Frees the time of the passengers whose items close. */
async function freeClosed(tx: Tx, changes: readonly OrderChange[]): Promise<void> {
  const whole: string[] = [];
  for (const { after, moves } of changes) {
    const closed = moves.filter(({ from, to }) => to === 'CLOSED' && from !== 'CLOSED').map(({ item_no }) => item_no);
    if (closed.length === after.items.length) whole.push(after.entry_id);
    else await freeDays(tx, after.entry_id, closed);
  }
  await freeDaysOf(tx, whole);
}

/** Without an item: of the whole order. */
type TimelineEntry = { order: Order; item?: OrderItem; from?: string; cause: string; trace_id: string };

async function insertTimeline(tx: Tx, entries: readonly TimelineEntry[]): Promise<void> {
  await tx.later(
    `INSERT INTO order_timeline (order_id, order_version, item_no, time, from_state, to_state, cause, version, trace_id) VALUES ${valuesOf(entries.length, 9)}`,
    entries.flatMap<SqlValue>(({ order, item, from, cause, trace_id }) => [
      BigInt(order.order_id), order.version, item?.item_no ?? 0, dateOf(order.update_ms), from ?? null, item?.state ?? order.state, cause.slice(0, 255), item?.version ?? order.version, trace_id,
    ]),
  );
}

/** Unpaid orders that were given up or left to expire: seats that others could have had (12306: 一天 3 次). */
async function countCancellations(tx: Tx, changes: readonly OrderChange[]): Promise<void> {
  const counted = changes.filter(({ before, after }) => {
    if (before.state !== 'CLOSING' || after.state !== 'CLOSED') return false;
    const expired = after.close_reason === 'EXPIRED' && after.update_ms >= after.pay_expire_ms;
    return after.close_reason === 'CANCELLED' || expired;
  });
  if (counted.length === 0) return;
  const rows = counted.map(({ after }): SqlValue[] => [BigInt(after.account_id), serviceDateAt(after.update_ms), 1]);
  await tx.later(`INSERT INTO cancellation (account_id, day, cancelled) VALUES ${valuesOf(rows.length, 3)} ON DUPLICATE KEY UPDATE cancelled = cancelled + 1`, rows.flat());
}
