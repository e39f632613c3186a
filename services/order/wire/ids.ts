import { randomUUID } from 'node:crypto';
import type { Clock } from '#kit/base/clock.ts';
import { geneOf, SnowflakeGenerator, WORKERS } from '#kit/base/snowflake.ts';
import type { Lifecycle } from '#kit/run/lifecycle.ts';
import type { Database } from '#kit/store/mysql.ts';
import { leaseWorker } from '#kit/store/worker.ts';
import type { Log } from '#kit/telemetry/log.ts';

/** Order ids: snowflakes under a leased worker number, with the account's gene, so that an id alone says where it lives. */
export async function leaseOrderIds(db: Database, clock: Clock, log: Log, lifecycle: Lifecycle): Promise<(account_id: string) => string> {
  let ids: SnowflakeGenerator | undefined;
  const lease = await leaseWorker({
    db,
    log,
    owner: randomUUID(),
    workers: WORKERS,
    now_ms: () => clock.now_ms(),
    onReserved: (until_ms) => ids?.extend(until_ms),
    onLost: () => ids?.declareLost(),
  });
  const made = new SnowflakeGenerator({ clock, worker: lease.worker_id, after_ms: lease.after_ms, reserved_until_ms: lease.reserved_until_ms });
  ids = made;
  lifecycle.onStop('worker number', () => lease.release(made.last_ms()));
  await made.ready((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
  return (account_id) => String(made.next(geneOf(BigInt(account_id))));
}
