/** The seat lock of an entry that waits in the queue. Nothing here may fail a purchase: a lock that is not kept runs out. */
import type { Result } from '#kit/base/result.ts';
import type { QueueEntry } from '../domain/entry.ts';
import { LOCK_KEPT_MS } from '../domain/seat_lock.ts';
import type { LockName } from './peers.ts';
import type { Ports } from './ports.ts';

type LockPorts = Pick<Ports, 'inventory' | 'log'>;

/** The minute that a lock lives would be over before a long queue has passed. */
export async function keepLock(ports: LockPorts, entry: QueueEntry): Promise<void> {
  await onLock(ports, entry, (lock) => ports.inventory.extendLock(lock, LOCK_KEPT_MS), 'a seat lock is left to run out while its entry waits');
}

/** Seats that nobody waits for any more should not wait for their time to end. */
export async function giveLockBack(ports: LockPorts, entry: QueueEntry): Promise<void> {
  await onLock(ports, entry, (lock) => ports.inventory.releaseLock(lock, 'left the queue'), 'a seat lock of an entry that left is left to run out');
}

async function onLock({ log }: LockPorts, { entry_id, run_id, body }: QueueEntry, change: (lock: LockName) => Promise<Result<undefined>>, otherwise: string): Promise<void> {
  if (body.seat_lock_id === undefined) return;
  const changed = await change({ lock_id: body.seat_lock_id, run_id }).catch((error: unknown) => ({ ok: false as const, error }));
  if (!changed.ok) log.warn({ entry_id, error: changed.error }, otherwise);
}
