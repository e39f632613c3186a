import { ATTACHED_BACKSTOP_MS, type Hold } from '../domain/hold.ts';
import { isKept } from '../domain/kept_places.ts';
import { openKept } from './kept_seats.ts';
import type { Parts } from './parts.ts';
import type { OrderSource } from './ports.ts';
import { releaseHold } from './release_hold.ts';

/** How soon an order is asked again when it could not be asked. */
const ASK_AGAIN_MS = 5_000;

/**
 * A hold whose time came: unattached it is released; attached, its order is asked first, and as long as the order lives (or
 * can't be asked) its seats are its own. Says when to look again, or nothing when the row was moved on.
 */
export async function expireHold(parts: Parts, orders: OrderSource, hold_id: string): Promise<{ again_in_ms: number } | undefined> {
  const hold = (await parts.ledger.findHolds([hold_id])).get(hold_id);
  if (hold?.state !== 'HELD') return undefined;
  if (isKept(hold)) return openKept(parts, hold.run_id);
  if (hold.order_id !== '') {
    const answer = await orders.ask(hold.order_id, hold.hold_id);
    if (answer === 'UNKNOWN') return { again_in_ms: ASK_AGAIN_MS };
    if (answer === 'ALIVE') {
      await parts.ledger.extend(hold_id, ATTACHED_BACKSTOP_MS);
      return undefined;
    }
  }
  return release(parts, hold);
}

async function release(parts: Parts, hold: Hold): Promise<{ again_in_ms: number } | undefined> {
  const { hold_id, run_id, owner } = hold;
  const released = await releaseHold(parts, { hold_id, run_id, owner, version: 0, item_ids: [], reason: 'expired', only_expired: true });
  if (!released.ok) return { again_in_ms: released.error.retry_after_ms ?? 1_000 };
  if (released.value.state !== 'RELEASED') return { again_in_ms: 1_000 };
  parts.metrics.expired.inc({ attached: hold.order_id === '' ? 'no' : 'yes' });
  return undefined;
}
