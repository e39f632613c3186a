import { fail, mapResult, type Result } from '#kit/base/result.ts';
import type { Hold } from '../domain/hold.ts';
import { changeOrders, type Changed, type HoldOfOrder } from './change_orders.ts';
import type { Parts } from './parts.ts';

/** HELD → SOLD in the ledger, in one transaction for all; then Redis forgets the records, and the seats stay taken. Repeatable. */
export async function sellHolds(parts: Parts, wishes: readonly HoldOfOrder[]): Promise<Result<Hold>[]> {
  const over = await onCancelledRuns(parts, wishes);
  const changed = await changeOrders(parts, wishes.filter((wish) => !over.has(wish)), (reached) => parts.ledger.sell(reached));
  await Promise.all(changed.flatMap((outcome) => (outcome.ok ? [forget(parts, outcome.value)] : [])));
  let next = 0;
  return wishes.map((wish) => (over.has(wish) ? fail('HOLD_EXPIRED', { detail: 'the run is cancelled' }) : mapResult(changed[next++]!, ({ hold }) => hold)));
}

/** What was sold before is found and refunded; nothing is sold any more. Whoever has paid meanwhile gets the money back. */
async function onCancelledRuns({ runs, ledger }: Parts, wishes: readonly HoldOfOrder[]): Promise<ReadonlySet<HoldOfOrder>> {
  const known = await runs.find([...new Set(wishes.map(({ run_id }) => run_id))]);
  const late = wishes.filter(({ run_id }) => known.get(run_id)?.change?.cancelled === true);
  if (late.length === 0) return new Set();
  const holds = await ledger.findHolds(late.map(({ hold_id }) => hold_id));
  return new Set(late.filter(({ hold_id, order_id }) => holds.get(hold_id)?.state !== 'SOLD' || holds.get(hold_id)?.order_id !== order_id));
}

/** A record that stays is harmless: it costs memory until the run is rebuilt or the hold released. */
async function forget({ seats, chores }: Parts, { hold, access: { run, epoch, retired } }: Changed): Promise<void> {
  if (retired) return;
  const again = () => seats.sell(run, epoch, hold);
  await again().catch(() => chores.later(`forget ${hold.hold_id}`, again));
}
