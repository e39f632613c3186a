/** From the row to the pivot: each step can still be undone, and the old ticket counts. */
import { required } from '#kit/base/result.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import { differenceOf, fareOfPlace, newHoldOf, type Change, type ChangeItem } from '../domain/change.ts';
import { priceOf } from '../domain/change_rules.ts';
import { GATE_CUT_OFF_MS } from '../domain/quote.ts';
import type { ChangeDeps } from './change_ports.ts';
import { ASK_EVERY_MS, isTransient, requestIdOf, type ChangeOutcome } from './change_step.ts';

/** Payment tells of the difference by an event; this often it is asked, should that be lost. */
const ASK_PAYMENT_MS = 15_000;

/** BEGUN: the order says who of several that want these items has them: this change, another one, or a refund. */
export async function open({ store, orders }: ChangeDeps, change: Change): Promise<ChangeOutcome> {
  const { change_id, order_id, items, journey, create_ms } = change;
  const opened = await orders.open({ request_id: requestIdOf(change, create_ms, 'OPEN'), order_id: String(order_id), items, journey, cause: `change ${change_id}` });
  if (!opened.ok && !isTransient(opened.error)) return store.move(change_id, 'BEGUN', 'REFUSED', { reason: opened.error.reason });
  required(opened);
  return store.move(change_id, 'BEGUN', 'OPENED');
}

/** OPENED: new places for all or for none. What they cost is known now, and never more than was quoted. */
export async function lock({ store, places, clock, settings }: ChangeDeps, change: Change): Promise<ChangeOutcome> {
  const { change_id, fares, terms, journey } = change;
  const held = await places.hold(change, newHoldOf(change));
  if (!held.ok && !isTransient(held.error)) return store.move(change_id, 'OPENED', 'UNDOING', { reason: held.error.reason });
  const by_no = new Map(required(held).map((one) => [one.item_no, one.places]));
  const items: ChangeItem[] = [];
  for (const item of change.items) {
    const parts = by_no.get(item.item_no) ?? [];
    const new_fare_fen = parts[0] === undefined ? undefined : fareOfPlace(fares, parts[0].seat, item.passenger_type);
    // A place nobody was told a price of, or a dearer one, is not what was agreed.
    if (new_fare_fen === undefined || new_fare_fen > item.new_fare_fen) return store.move(change_id, 'OPENED', 'UNDOING', { reason: 'QUOTE_STALE' });
    items.push({ ...item, places: parts, new_fare_fen, fee_fen: priceOf(terms, item.old_fare_fen, new_fare_fen).fee_fen });
  }
  const now_ms = clock.now_ms();
  const gate_ms = terms.departure_ms - GATE_CUT_OFF_MS;
  const closes_ms = Math.min(journey.departure_ms - GATE_CUT_OFF_MS, gate_ms > now_ms ? gate_ms : Infinity);
  return store.move(change_id, 'OPENED', 'LOCKED', { body: { items }, pay_expire_ms: Math.min(now_ms + settings.pay_window_ms, closes_ms) });
}

/** LOCKED: what is due is asked for. */
export async function askForDifference({ store, money }: ChangeDeps, change: Change): Promise<ChangeOutcome> {
  if (differenceOf(change.items) <= 0) return store.move(change.change_id, 'LOCKED', 'PAID');
  const { payment_id } = required(await money.open(differencePayment(change)));
  return store.move(change.change_id, 'LOCKED', 'AWAIT_PAY', { payment_id, wait_ms: ASK_PAYMENT_MS });
}

export function differencePayment(change: Change) {
  const { change_id, order_id, items, create_ms, pay_expire_ms } = change;
  if (pay_expire_ms === undefined) throw new Error(`change ${change_id} has no time to pay`);
  return { request_id: requestIdOf(change, create_ms, 'PAY'), order_id: String(order_id), change_id: String(change_id), amount_fen: differenceOf(items), expire_ms: pay_expire_ms };
}

/** AWAIT_PAY: when the time is over the gateway decides, so that money which came in the last moment counts. */
export async function awaitDifference({ store, money, clock, settings }: ChangeDeps, change: Change): Promise<ChangeOutcome> {
  const { change_id, order_id, payment_id, pay_expire_ms = 0 } = change;
  const paid = () => store.move(change_id, 'AWAIT_PAY', 'PAID');
  const expired = () => store.move(change_id, 'AWAIT_PAY', 'UNDOING', { reason: 'EXPIRED' });
  const state = required(await money.state(payment_id));
  if (state === 'SUCCEEDED') return paid();
  if (state === 'CLOSED') return expired();
  const over_ms = clock.now_ms() - pay_expire_ms;
  if (over_ms < 0) return { wait_ms: Math.min(ASK_PAYMENT_MS, -over_ms) };
  const ended = required(await money.close({ order_id: String(order_id), change_id: String(change_id), force: over_ms >= settings.force_close_ms }));
  if (ended.paid) return paid();
  return ended.closed ? expired() : { wait_ms: ASK_EVERY_MS };
}

/** The places can't be had any more, and no repetition brings them back. */
const PLACES_GONE: ReadonlySet<ErrorReason> = new Set(['HOLD_EXPIRED', 'HOLD_NOT_FOUND', 'HOLD_CONFLICT', 'TRAIN_DEPARTED', 'RUN_CANCELLED', 'TRAIN_RUN_NOT_FOUND', 'CONFLICT', 'PAYMENT_STATE_WRONG']);

/** PAID: the money is taken and the places are sold; then the one compare-and-set that makes the new ticket the one that counts. */
export async function pivot({ store, money, places, clock }: ChangeDeps, change: Change): Promise<ChangeOutcome> {
  const { change_id, order_id, payment_id, journey } = change;
  const undo = (reason: string) => store.move(change_id, 'PAID', 'UNDOING', { reason });
  if (journey.departure_ms <= clock.now_ms()) return undo('TRAIN_DEPARTED');
  if (payment_id !== '') {
    const settled = await money.settle({ payment_id, order_id: String(order_id), accepted: true, reason: '' });
    if (!settled.ok && !isTransient(settled.error) && PLACES_GONE.has(settled.error.reason)) return undo(settled.error.reason);
    required(settled);
  }
  const sold = await places.sell({ hold_id: newHoldOf(change), run_id: journey.run_id, order_id: String(order_id) });
  if (!sold.ok && !isTransient(sold.error) && PLACES_GONE.has(sold.error.reason)) return undo('SOLD_OUT');
  required(sold);
  return store.move(change_id, 'PAID', 'PIVOTED');
}
