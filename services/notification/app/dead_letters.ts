import { isDeadLetter } from '../domain/delivery.ts';
import type { Delivery } from '../domain/delivery.ts';
import { settle } from './move.ts';
import type { Deps, Unit } from './ports.ts';

/** The worker's last step with a delivery that failed for good: the letter first, then the row rests. */
export async function bury(deps: Deps, delivery: Delivery): Promise<void> {
  await deps.deadLetters.bury(delivery);
  await settle(deps, delivery, { wait_ms: null });
}

/** An operator had the dead letter of a delivery replayed: it gets all its rounds and both providers anew. One that lives is left alone. */
export async function revive({ clock }: Pick<Deps, 'clock'>, unit: Unit, delivery_id: bigint): Promise<void> {
  const [dead] = await unit.deliveries.lock([delivery_id]);
  if (dead === undefined || !isDeadLetter(dead)) return;
  const delivery: Delivery = { ...dead, state: 'PENDING', provider: undefined, provider_ref: undefined, tries: 0, receipt_tries: 0, last_error: '', revivals: dead.revivals + 1, revived_time_ms: clock.now_ms(), version: dead.version + 1n };
  await unit.deliveries.write([{ delivery, wait_ms: 0 }]);
  await unit.audit({ operation: 'notification.Revive', target: `delivery/${delivery_id}`, result: 'ok', version: delivery.version });
}
