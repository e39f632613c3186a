import { metricsFor } from '#kit/telemetry/metrics.ts';
import type { Meters } from '../app/ports.ts';

/** From the event to the phone: a second to an hour. */
const DELAY_BUCKETS_S = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600];

/** The rate of delivery is `delivered ÷ (delivered + failed)` of the counter; DELIVERED and FAILED are ends, of which each delivery has one; HANDED_OVER is none. */
export function deliveryMeters(service: string): Meters {
  const metrics = metricsFor(service);
  const deliveries = metrics.counter('notification_deliveries_total', 'Deliveries that reached a state, by channel and provider', ['channel', 'provider', 'state']);
  const delay = metrics.histogram('notification_delivery_seconds', 'From the event to the receipt of its message', ['channel'], DELAY_BUCKETS_S);
  return {
    reached(channel, provider, state, delay_ms) {
      deliveries.inc({ channel, provider, state });
      if (delay_ms !== undefined) delay.observe({ channel }, delay_ms / 1000);
    },
  };
}
