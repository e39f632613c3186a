/**
 * Entries whose places are decided: orders are written, refusals told. Every step may be repeated: the hold by its id, the
 * order by its entry, so a crash anywhere is finished by whoever owns the queue next (queue_owner.ts).
 */
import type { ErrorReason } from '#kit/base/errors.ts';
import { channelWord } from '../domain/channel.ts';
import type { QueueEntry } from '../domain/entry.ts';
import type { Order } from '../domain/order.ts';
import { placeOrder } from '../domain/place_order.ts';
import { SYSTEM } from './actor.ts';
import { maySwitch } from './enter_standby.ts';
import { HOLD_OVER, type Held } from './hold_places.ts';
import type { Hold } from './peers.ts';
import type { Ports, QueueLease } from './ports.ts';
import { entryKey, orderKey } from './signals.ts';

/** An entry whose holds keep running out before its order is written is given up after so many. */
const HOLDS_MAX = 5;
/** What inventory did not decide is repeated after this time. */
const UNDECIDED_MS = 5000;

export type ProcessPorts = Ports & {
  advance: (order_id: string) => void;
  /** Entries are to become standbys: now rather than soon. */
  enterStandbys?: () => void;
};

type Refused = { entry: QueueEntry; reason: ErrorReason; hold?: Hold };
type Placed = { entry: QueueEntry; order: Order };

/** Brings each entry to its order or to its refusal; what was not decided stays PROCESSING and is repeated. */
export async function settleEntries(ports: ProcessPorts, held: readonly Held[], lease: QueueLease): Promise<void> {
  const orders: Placed[] = [];
  const refused: Refused[] = [];
  for (const { entry, outcome } of held) {
    if (outcome === undefined) await ports.entries.postpone(entry.entry_id, UNDECIDED_MS);
    else if (outcome.ok) {
      const placed = orderOf(ports, entry, outcome.value);
      if (placed.ok) orders.push({ entry, order: placed.value });
      else refused.push({ entry, reason: placed.error.reason, hold: outcome.value });
    } else if (!HOLD_OVER.has(outcome.error.reason)) refused.push({ entry, reason: outcome.error.reason });
    else if (entry.hold_no + 1 >= HOLDS_MAX) refused.push({ entry, reason: 'HOLD_EXPIRED' });
    else await ports.entries.nextHold(entry.entry_id, entry.hold_no + 1);
  }
  await refuseAll(ports, refused);
  await placeAll(ports, orders, lease);
}

function orderOf(ports: ProcessPorts, entry: QueueEntry, hold: Hold): ReturnType<typeof placeOrder> {
  const { clock, settings } = ports;
  const pay_window_ms = settings.pay_window_ms({ account_id: entry.account_id, city: entry.body.city, channel: channelWord(entry.channel) });
  return placeOrder(entry, hold, { order_id: ports.nextOrderId(entry.account_id), now_ms: clock.now_ms(), pay_window_ms });
}

/** The entries end first: a hold without an entry runs out by itself, an entry without a hold would be held again. */
async function refuseAll(ports: ProcessPorts, refused: readonly Refused[]): Promise<void> {
  const waits = (one: Refused): boolean => maySwitch(ports, one.entry, one.reason);
  const wordsOf = (some: readonly Refused[]) => some.map(({ entry, reason }) => ({ entry_id: entry.entry_id, reason }));
  const turned = refused.filter(waits);
  const moved = new Set(turned.length === 0 ? [] : await ports.entries.toStandby(wordsOf(turned), SYSTEM, 'PROCESSING'));
  if (moved.size > 0) ports.enterStandbys?.();
  for (const { entry } of turned) if (moved.has(entry.entry_id)) tellProcessed(ports, entry, 'refused');
  const ended = new Set(await ports.entries.failMany(wordsOf(refused.filter((one) => !waits(one))), SYSTEM));
  for (const { entry, reason, hold } of refused) {
    if (!ended.has(entry.entry_id)) continue;
    tellProcessed(ports, entry, 'refused');
    if (hold !== undefined) await ports.inventory.release({ hold_id: hold.hold_id, run_id: entry.run_id, reason }).catch((error: unknown) => ports.log.warn({ error }, 'a hold is left to run out'));
  }
}

async function placeAll(ports: ProcessPorts, orders: readonly Placed[], lease: QueueLease): Promise<void> {
  if (orders.length === 0) return;
  const placed = new Set(await writeOrders(ports, orders.map(({ order }) => order), lease));
  for (const { entry, order } of orders) {
    if (!placed.has(entry.entry_id)) continue;
    tellProcessed(ports, entry, 'ordered');
    ports.signals.emit(orderKey(order.order_id));
    ports.advance(order.order_id);
  }
}

/** One transaction for all; when that fails, one for each, so that a bad one fails alone. */
async function writeOrders(ports: ProcessPorts, orders: readonly Order[], lease: QueueLease): Promise<string[]> {
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

function tellProcessed(ports: ProcessPorts, entry: QueueEntry, outcome: 'ordered' | 'refused'): void {
  ports.meters.processed(ports.clock.now_ms() - (entry.dequeue_ms ?? entry.enter_ms), outcome);
  ports.signals.emit(entryKey(entry.entry_id));
}
