import { fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { Hold } from '../domain/hold.ts';
import { accessRun, guarded } from './hold_access.ts';
import type { Parts } from './parts.ts';
import { whyOver } from './why_over.ts';

/** HELD → SOLD in the ledger; then Redis forgets the record, and the seats stay taken. Repeatable. */
export async function sellHold(parts: Parts, wish: { hold_id: string; run_id: string; order_id: string }): Promise<Result<Hold>> {
  if (!/^\w{1,32}$/.test(wish.order_id)) return fieldInvalid('order_id', '1 to 32 letters or digits');
  const access = await accessRun(parts, wish.run_id);
  if (!access.ok) return access;
  const { run, epoch, retired } = access.value;
  return guarded(parts, access.value, async () => {
    const hold = await parts.ledger.sell(wish.hold_id, run, epoch, wish.order_id);
    if (hold === undefined) return whyOver(parts, wish.hold_id);
    if (retired) return ok(hold);
    // A record that stays is harmless: it costs memory until the run is rebuilt or the hold released.
    const forget = () => parts.seats.sell(run, epoch, hold);
    await forget().catch(() => parts.chores.later(`forget ${hold.hold_id}`, forget));
    return ok(hold);
  });
}
