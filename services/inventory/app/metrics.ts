import { metricsFor } from '#kit/telemetry/metrics.ts';

export type InventoryMetrics = ReturnType<typeof inventoryMetrics>;

export function inventoryMetrics(service = 'inventory') {
  const metrics = metricsFor(service);
  return {
    hold_seconds: metrics.histogram('inventory_hold_duration_seconds', 'From a hold being accepted to its answer'),
    tick_size: metrics.histogram('inventory_tick_holds', 'Holds of one tick', [], [1, 2, 4, 8, 16, 32, 64, 128, 256]),
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
