import { handsOver } from '../domain/delivery.ts';
import type { Delivery } from '../domain/delivery.ts';
import type { DeliveryChange } from './ports.ts';
import { failed } from './send.ts';

/** The provider that took a delivery says that it did not arrive: the backup sends what the primary could not deliver, else it has failed for good. */
export function notDelivered(delivery: Delivery, now_ms: number): DeliveryChange {
  if (!handsOver(delivery, now_ms)) return failed('NOT_DELIVERED');
  // Due at once, and stored with the receipt: whoever finds the row sends it, also when this process ends here.
  return { state: 'PENDING', receipt_tries: 0, last_error: 'NOT_DELIVERED', wait_ms: 0 };
}
