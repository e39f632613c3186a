import { metricsFor } from '#kit/telemetry/metrics.ts';
import type { Lifecycle } from '#kit/run/lifecycle.ts';
import { repeat } from '#kit/run/loop.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Meters, OrderStore } from '../app/ports.ts';

/** How often the rows are counted. */
const COUNT_MS = 15_000;
const WAIT_BUCKETS_S = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 900];

export function createMeters(): Meters {
  const metrics = metricsFor('order');
  const waited = metrics.histogram('order_queue_wait_seconds', 'From entering the queue to leaving it', [], WAIT_BUCKETS_S);
  const processed = metrics.histogram('order_after_dequeue_seconds', 'From leaving the queue to the order or its refusal', ['outcome']);
  const duplicates = metrics.counter('order_payment_duplicates_total', 'Payments that an order did not take: too late, twice or of another amount');
  return {
    waited: (ms) => waited.observe({}, ms / 1000),
    processed: (ms, outcome) => processed.observe({ outcome }, ms / 1000),
    paymentDuplicate: () => duplicates.inc({}),
  };
}

const UNDER_WAY = ['WAIT_PAY', 'CLOSING', 'PAID', 'TICKETING', 'FAIL', 'REFUND', 'CHANGE'] as const;

/** Gauges that are counted from rows. */
export function countRows(orders: OrderStore, log: Log, lifecycle: Lifecycle): void {
  const metrics = metricsFor('order');
  const by_state = metrics.gauge('order_orders', 'Orders under way by state', ['state']);
  const queue = metrics.gauge('order_queue_length', 'Queue entries by state', ['state']);
  const stuck = metrics.gauge('order_stuck', 'Orders whose next action is overdue by more than a minute');
  lifecycle.add('counting', repeat({
    name: 'count_orders',
    service: 'order',
    every_ms: COUNT_MS,
    log,
    run: async () => {
      const counted = await orders.stats();
      for (const state of UNDER_WAY) by_state.set({ state }, counted.orders.find((row) => row.state === state)?.count ?? 0);
      for (const state of ['WAITING', 'PROCESSING'] as const) queue.set({ state }, counted.entries.find((entry) => entry.state === state)?.count ?? 0);
      stuck.set({}, counted.stuck);
    },
  }));
}
