// Metrics of the stores, in one place so that every service exports the same names.
import { metricsFor } from '#kit/telemetry/metrics.ts';

export type StoreMetrics = ReturnType<typeof storeMetrics>;

export function storeMetrics(service: string) {
  const metrics = metricsFor(service);
  return {
    query_seconds: metrics.histogram('db_query_duration_seconds', 'Time of one SQL statement', ['kind']),
    retries: metrics.counter('db_transaction_retries_total', 'Transactions run again after a deadlock or lock wait'),
    shared_units: metrics.histogram('db_shared_transaction_units', 'Transactions that shared one of the database', [], [1, 2, 4, 8, 16, 32, 64]),
    unavailable: metrics.counter('db_unavailable_total', 'Calls refused because the database was away'),
    connections: metrics.gauge('db_pool_connections', 'Connections of the pool by state', ['state']),
  };
}
