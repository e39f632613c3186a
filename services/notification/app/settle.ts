import { uuid7 } from '#kit/base/uuid7.ts';
import { isDeadLetter, NO_RECIPIENT } from '../domain/delivery.ts';
import type { Delivery } from '../domain/delivery.ts';
import { SYSTEM } from './ports.ts';
import type { DeliveryChange, Deps, StoredMessage, Unit } from './ports.ts';

/** Stores what happened and, when the state changed, tells it. False when somebody else moved the delivery on meanwhile. */
export async function settle(deps: Deps, delivery: Delivery, { template_id }: Pick<StoredMessage, 'template_id'>, change: DeliveryChange): Promise<boolean> {
  const after = { ...delivery, ...change };
  // What failed for good stays due until its dead letter is written.
  const due: DeliveryChange = change.state !== undefined && isDeadLetter(after) ? { ...change, wait_ms: 0 } : change;
  const settled = await deps.store.record(SYSTEM, async (unit) => {
    if (!(await unit.deliveries.change(delivery, due))) return false;
    if (after.state !== delivery.state && after.state !== 'PENDING') await tell(deps, unit, delivery, after, template_id);
    return true;
  });
  if (settled && after.state !== delivery.state && after.state !== 'PENDING' && after.last_error !== NO_RECIPIENT) {
    const delay_ms = after.state === 'DELIVERED' ? deps.clock.now_ms() - delivery.create_time_ms : undefined;
    deps.meters.reached(delivery.channel, after.provider ?? '', after.state, delay_ms);
  }
  return settled;
}

async function tell({ clock, random }: Deps, unit: Unit, { delivery_id, message_id, account_id, channel, order_id, version }: Delivery, after: Delivery, template_id: string): Promise<void> {
  const { state, last_error } = after;
  if (state === 'PENDING') return;
  await unit.audit({ operation: 'notification.Deliver', target: `delivery/${delivery_id}`, result: last_error || state, version: version + 1n });
  if (last_error === NO_RECIPIENT) return;
  await unit.announce({ event_id: uuid7(clock, random), message_id, account_id, channel, state, order_id, template_id, version: version + 1n, time_ms: clock.now_ms() });
}
