/**
 * Entries that left the queue: hold places, then write orders. Every step may be repeated: the hold by its id, the
 * order by its entry, so a crash anywhere is finished by whoever comes next (recover_entry.ts).
 */
import type { ErrorReason } from '#kit/base/errors.ts';
import type { Failure, Result } from '#kit/base/result.ts';
import { channelWord } from '../domain/channel.ts';
import type { QueueEntry } from '../domain/entry.ts';
import type { Order } from '../domain/order.ts';
import { placeOrder } from '../domain/place_order.ts';
import { SYSTEM } from './actor.ts';
import { holdIdOf, type Hold, type HoldRequest } from './peers.ts';
import type { Ports, QueueLease } from './ports.ts';
import { entryKey, orderKey } from './signals.ts';

/** An entry whose holds keep running out before its order is written is given up after so many. */
const HOLDS_MAX = 5;
const RETRY_MS = 1000;

export type ProcessPorts = Ports & { advance: (order_id: string) => void };

/** Brings each entry to its order or to its refusal; what could not be decided now stays PROCESSING and is repeated. */
export async function processEntries(ports: ProcessPorts, entries: readonly QueueEntry[], lease: QueueLease): Promise<void> {
  if (entries.length === 0) return;
  const outcomes = await ports.inventory.holdMany(entries.map(holdRequestOf));
  const orders: { entry: QueueEntry; order: Order }[] = [];
  for (const [index, entry] of entries.entries()) {
    const order = await orderOrRefusal(ports, entry, outcomes[index]!);
    if (order !== undefined) orders.push({ entry, order });
  }
  if (orders.length === 0) return;
  for (const entry_id of await placeAll(ports, orders.map(({ order }) => order), lease)) {
    const { entry, order } = orders.find((placed) => placed.order.entry_id === entry_id)!;
    ports.meters.processed(ports.clock.now_ms() - (entry.dequeue_ms ?? entry.enter_ms), 'ordered');
    ports.signals.emit(entryKey(entry_id));
    ports.signals.emit(orderKey(order.order_id));
    ports.advance(order.order_id);
  }
}

async function orderOrRefusal(ports: ProcessPorts, entry: QueueEntry, outcome: Result<Hold>): Promise<Order | undefined> {
  if (!outcome.ok) {
    await afterRefusedHold(ports, entry, outcome.error);
    return undefined;
  }
  const { clock, settings } = ports;
  const pay_window_ms = settings.pay_window_ms({ account_id: entry.account_id, city: entry.body.city, channel: channelWord(entry.channel) });
  const placed = placeOrder(entry, outcome.value, { order_id: ports.nextOrderId(entry.account_id), now_ms: clock.now_ms(), pay_window_ms });
  if (placed.ok) return placed.value;
  // The entry ends first: a hold without an entry runs out by itself, an entry without a hold would be held again.
  await refuse(ports, entry, placed.error.reason);
  await ports.inventory.release({ hold_id: outcome.value.hold_id, run_id: entry.run_id, reason: placed.error.reason }).catch((error: unknown) => ports.log.warn({ error }, 'a hold is left to run out'));
  return undefined;
}

/** One transaction for all; when that fails, one for each, so that a bad one fails alone. */
async function placeAll(ports: ProcessPorts, orders: readonly Order[], lease: QueueLease): Promise<string[]> {
  try {
    return await ports.entries.place(orders, lease);
  } catch (error) {
    if (orders.length === 1) throw error;
    ports.log.warn({ error, orders: orders.length }, 'a batch of orders failed; each is tried alone');
  }
  const placed: string[] = [];
  for (const order of orders) {
    const done = await ports.entries.place([order], lease).catch((error: unknown) => {
      ports.log.warn({ error, entry_id: order.entry_id }, 'an order could not be written');
      return [];
    });
    placed.push(...done);
  }
  return placed;
}

async function afterRefusedHold(ports: ProcessPorts, entry: QueueEntry, { reason }: Failure): Promise<void> {
  if (reason === 'HOLD_EXPIRED' || reason === 'HOLD_CONFLICT') {
    if (entry.hold_no + 1 >= HOLDS_MAX) return refuse(ports, entry, 'HOLD_EXPIRED');
    return ports.entries.nextHold(entry.entry_id, entry.hold_no + 1);
  }
  if (FINAL.has(reason)) return refuse(ports, entry, reason);
  await ports.entries.postpone(entry.entry_id, RETRY_MS);
}

async function refuse(ports: ProcessPorts, entry: QueueEntry, reason: ErrorReason): Promise<void> {
  if (!(await ports.entries.end(entry.entry_id, 'FAILED', reason, SYSTEM, 'PROCESSING'))) return;
  ports.meters.processed(ports.clock.now_ms() - (entry.dequeue_ms ?? entry.enter_ms), 'refused');
  ports.signals.emit(entryKey(entry.entry_id));
}

function holdRequestOf(entry: QueueEntry): HoldRequest {
  const { journey, passengers, preference, accept_same_train_change, seat_lock_id } = entry.body;
  const seat_lock = seat_lock_id === undefined ? undefined : { lock_id: seat_lock_id, account_id: entry.account_id };
  return { hold_id: holdIdOf(entry), journey, passengers, preference, channel: entry.channel, accept_same_train_change, seat_lock };
}

/** Answers of inventory that asking again won't change. Everything else is asked again. */
const FINAL: ReadonlySet<ErrorReason> = new Set([
  'SOLD_OUT', 'SEAT_LOCKED', 'SEAT_CLASS_UNKNOWN', 'SEAT_MALFORMED', 'SEAT_NOT_FOUND', 'STOPS_NOT_ON_RUN', 'TRAIN_RUN_NOT_FOUND',
  'SALE_NOT_OPEN', 'SALE_CLOSED', 'TRAIN_DEPARTED', 'RUN_CANCELLED', 'STANDBY_REQUIRED', 'FIELD_INVALID',
  // Of a hold that does not exist yet it can only be said of the seat lock.
  'HOLD_NOT_FOUND',
]);
