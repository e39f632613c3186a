import { isDeadLetter } from '../domain/delivery.ts';
import type { Delivery } from '../domain/delivery.ts';
import type { Deps, StoredMessage, Unit } from './ports.ts';
import { settle } from './settle.ts';

/** The worker's last step with a delivery that failed for good: the letter first, then the row rests. */
export async function bury(deps: Deps, delivery: Delivery, message: StoredMessage): Promise<void> {
  await deps.deadLetters.bury(delivery, message.template_id);
  await settle(deps, delivery, message, { wait_ms: null });
}

/** An operator had the dead letter of a delivery replayed: it gets all its rounds anew. One that lives is left alone. */
export async function revive({ clock }: Pick<Deps, 'clock'>, unit: Unit, delivery_id: bigint): Promise<void> {
  const delivery = await unit.deliveries.byId(delivery_id);
  if (delivery === undefined || !isDeadLetter(delivery)) return;
  const change = { state: 'PENDING' as const, tries: 0, receipt_tries: 0, last_error: '', revivals: delivery.revivals + 1, revived_time_ms: clock.now_ms(), wait_ms: 0 };
  if (!(await unit.deliveries.change(delivery, change))) return;
  await unit.audit({ operation: 'notification.Revive', target: `delivery/${delivery_id}`, result: 'ok', version: delivery.version + 1n });
}
