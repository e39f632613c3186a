import type { Clock } from '#kit/base/clock.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Buckets } from './buckets.ts';
import type { Chores } from './chores.ts';
import type { InventoryMetrics } from './metrics.ts';
import type { Ledger, RunStore, SeatStore } from './ports.ts';
import type { Turns } from './turns.ts';

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
  /** So many more seats of this run are kept for those who wait. */
  onKept: (run_id: string, seats: number) => void;
  /** How long they are kept before they are on sale again. */
  keep_ms: number;
  /** Runs of which the kept places are about to be looked at in Redis. */
  mending: Set<string>;
  /** Changes of the kept places of a run go one after the other in a process; Redis and ledger keep processes apart. */
  turns: Turns;
};
