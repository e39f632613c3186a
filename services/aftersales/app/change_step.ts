/** What steps of a change have in common. */
import { createHash } from 'node:crypto';
import type { ErrorReason } from '#kit/base/errors.ts';
import { required, type Failure } from '#kit/base/result.ts';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import type { Change, ChangeItem } from '../domain/change.ts';
import type { TicketItem } from '../domain/change_quote.ts';
import type { ChangeDeps } from './change_ports.ts';
import type { DriverOutcome } from './driver.ts';

export type ChangeOutcome = DriverOutcome<Change>;

export type ChangeStep = (deps: ChangeDeps, change: Change) => Promise<ChangeOutcome>;

/** How often others are asked about what they have not told of. */
export const ASK_EVERY_MS = 2000;

/** The same for every repetition of a step. */
export function requestIdOf({ change_id }: Pick<Change, 'change_id'>, time_ms: number, what: string): string {
  return formatUuid7(time_ms, createHash('sha256').update(`change ${change_id} ${what}`).digest());
}

/** Whether repeating could help: peers that are away, slow or busy answer these. */
export function isTransient({ reason, retry_after_ms }: Failure): boolean {
  return TRANSIENT.has(reason) || retry_after_ms !== undefined;
}

const TRANSIENT: ReadonlySet<ErrorReason> = new Set(['DEPENDENCY_UNAVAILABLE', 'DEADLINE', 'OVERLOADED', 'SHUTTING_DOWN', 'SHARD_CLOSED', 'OUTCOME_UNKNOWN', 'CANCELLED', 'INTERNAL', 'LEASE_LOST', 'THROTTLED']);

/** Our items as the order has them now, with the version to move them from; those that were moved on are left out. */
export async function inChange({ orders }: ChangeDeps, change: Change): Promise<(ChangeItem & { now_version: number })[]> {
  const order = required(await orders.find(String(change.order_id)));
  const now = new Map(order.items.map((item): [string, TicketItem] => [item.item_id, item]));
  return change.items.flatMap((item) => {
    const { state, version = 0 } = now.get(item.item_id) ?? {};
    // Opening it has moved it one version on; another version in CHANGE is of another change.
    return state === 'CHANGE' && version === item.version + 1 ? [{ ...item, now_version: version }] : [];
  });
}
