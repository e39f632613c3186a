import { randomUUID } from 'node:crypto';
import type { Lifecycle } from '#kit/run/lifecycle.ts';
import { repeat } from '#kit/run/loop.ts';
import { keepLeases } from '#kit/store/lease_keeper.ts';
import type { Database } from '#kit/store/mysql.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { QueueLease } from '../app/ports.ts';
import type { QueueOwner } from '../app/queue_owner.ts';
import { QUEUE_BUCKETS } from '../domain/entry.ts';

/** How often the rows are asked for runs that nobody woke. */
const LOOK_MS = 1000;

/** Leases of the queue buckets; `owner` is told when one becomes ours. */
export function keepQueues(db: Database, log: Log, lifecycle: Lifecycle, ttl_ms: number): { leaseOf(bucket: number): QueueLease | undefined; run(owner: QueueOwner): void } {
  const names = Array.from({ length: QUEUE_BUCKETS }, (_, bucket) => `queue/${bucket}`);
  let woken: (() => void) | undefined;
  const keeper = keepLeases({ db, log, names, owner: randomUUID(), ttl_ms, onHeld: () => woken?.() });
  lifecycle.onStop('queue leases', () => keeper.stop());
  return {
    leaseOf: (bucket) => keeper.current(names[bucket]!),
    run(owner) {
      // Before the leases are given back, nothing leaves the queues any more.
      lifecycle.add('queues', owner);
      const looking = lifecycle.add('queue look', repeat({ name: 'queue_look', service: 'order', every_ms: LOOK_MS, log, run: () => owner.look() }));
      woken = () => looking.nudge();
      looking.nudge();
    },
  };
}
