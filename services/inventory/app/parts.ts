import type { Clock } from '#kit/base/clock.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Buckets } from './buckets.ts';
import type { Chores } from './chores.ts';
import type { InventoryMetrics } from './metrics.ts';
import type { Ledger, RunStore, SeatStore } from './ports.ts';

/** What the use cases share. */
export type Parts = {
  buckets: Buckets;
  seats: SeatStore;
  ledger: Ledger;
  runs: RunStore;
  chores: Chores;
  metrics: InventoryMetrics;
  log: Log;
  clock: Clock;
  /** Seats of these runs changed. */
  onChanged: (run_ids: Iterable<string>) => void;
};
