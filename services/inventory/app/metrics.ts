import { metricsFor } from '#kit/telemetry/metrics.ts';

export type InventoryMetrics = ReturnType<typeof inventoryMetrics>;

/** Fine around the 5 ms that batching may add (DESIGN §4). */
const TICK_WAIT_BUCKETS_S = [0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.5, 2];

export function inventoryMetrics(service = 'inventory') {
  const metrics = metricsFor(service);
  return {
    hold_seconds: metrics.histogram('inventory_hold_duration_seconds', 'From a hold being accepted to its answer'),
    tick_size: metrics.histogram('inventory_tick_holds', 'Holds of one tick', [], [1, 2, 4, 8, 16, 32, 64, 128, 256]),
    tick_wait: metrics.histogram('inventory_tick_wait_seconds', 'From a hold being submitted to the start of its tick', [], TICK_WAIT_BUCKETS_S),
    queue: metrics.gauge('inventory_hold_queue', 'Holds waiting for a tick'),
    refused: metrics.counter('inventory_holds_refused_total', 'Holds refused, by reason', ['reason']),
    ledger_conflicts: metrics.counter('inventory_ledger_conflicts_total', 'Ledger transactions that were refused, by what refused them', ['refusal']),
    unknown_commits: metrics.counter('inventory_unknown_commits_total', 'Commits whose answer was lost'),
    epoch: metrics.gauge('inventory_bucket_epoch', 'Epoch of each bucket', ['bucket']),
    rebuilds: metrics.counter('inventory_rebuilds_total', 'Buckets rebuilt from the ledger'),
    differences: metrics.counter('inventory_differences_total', 'Differences found by the reconciler, by kind', ['kind']),
    expired: metrics.counter('inventory_holds_expired_total', 'Holds that ran out, by whether an order was attached', ['attached']),
    forgotten: metrics.counter('inventory_runs_forgotten_total', 'Runs whose keys in Redis were deleted, long after their sale'),
    late_frees: metrics.counter('inventory_late_frees_total', 'Releases whose Redis half was left to the reconciler'),
    watchers: metrics.gauge('inventory_watchers', 'Streams of remaining under way'),
  };
}
