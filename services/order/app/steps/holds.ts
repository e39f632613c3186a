/** Steps that tell inventory what became of the places. */
import { required } from '#kit/base/result.ts';
import { patchItems } from '../../domain/change.ts';
import type { Order } from '../../domain/order.ts';
import type { StepOutcome } from './outcome.ts';
import type { Ports } from '../ports.ts';
import { beginClosing } from './payment.ts';
import { done, write } from './write.ts';

/** Names the order to its hold. A hold that ran out meanwhile leaves an order that can't be kept: it is closed. */
export async function attach(ports: Ports, order: Order): Promise<StepOutcome> {
  const attached = await ports.inventory.attach(order);
  if (attached.ok) return done(order, 'attach');
  if (isGone(attached.error.reason)) return beginClosing(ports, order);
  required(attached);
  return 'moved';
}

/** Gives the places of a closed order back. Those of a hold that is gone are free already. */
export async function release(ports: Ports, order: Order): Promise<StepOutcome> {
  const hold_ids = new Set(order.items.map((item) => item.hold_id));
  for (const hold_id of hold_ids) {
    const released = await ports.inventory.release({ hold_id, run_id: order.journey.run_id, reason: order.close_reason ?? 'CLOSED' });
    if (!released.ok && !isGone(released.error.reason)) required(released);
  }
  return done(order, 'release');
}

/** Holds the same places again, or others of the same class, for an order that was paid when its hold was lost. */
export async function holdAgain(ports: Ports, order: Order): Promise<StepOutcome | 'sold_out'> {
  const hold_id = `${order.entry_id}-p${order.version}`;
  const request = {
    hold_id,
    journey: order.journey,
    channel: order.channel,
    // Only the class that was paid for: another price would need another payment.
    passengers: order.items.map(({ item_no, passenger_type, seat }) => ({ item_no, passenger_type, seat_classes: [seat.seat_class] })),
    accept_same_train_change: order.items.some((item) => item.seat_parts.length > 1),
  };
  const [held] = await ports.inventory.holdMany([request]);
  if (held === undefined) throw new Error('inventory gave no answer');
  if (!held.ok) {
    if (['SOLD_OUT', 'SALE_CLOSED', 'TRAIN_DEPARTED', 'RUN_CANCELLED', 'TRAIN_RUN_NOT_FOUND', 'STANDBY_REQUIRED'].includes(held.error.reason)) return 'sold_out';
    // An answer was lost and the places have gone back since: the next try is another hold, by the order's new version.
    if (isGone(held.error.reason)) return write(ports, 'order.HoldAgain', { ok: true, value: patchItems(order, () => ({}), { cause: 'places held again were lost', now_ms: ports.clock.now_ms() }) });
    required(held);
    return 'moved';
  }
  const places = new Map(held.value.places.map(({ item_no, parts }) => [item_no, parts]));
  const change = patchItems(
    order,
    (item) => {
      const parts = places.get(item.item_no) ?? item.seat_parts;
      return { seat: parts[0]?.seat ?? item.seat, seat_parts: parts, hold_id };
    },
    { cause: 'places held again', now_ms: ports.clock.now_ms(), patch: { hold_id } },
  );
  return write(ports, 'order.HoldAgain', { ok: true, value: change });
}

/** Inventory's ways to say that this hold is no longer the order's. */
export function isGone(reason: string): boolean {
  return reason === 'HOLD_NOT_FOUND' || reason === 'HOLD_EXPIRED' || reason === 'HOLD_CONFLICT';
}
