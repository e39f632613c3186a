import { fail, ok, type Result } from '#kit/base/result.ts';
import { CANCELLABLE, type Change } from '../domain/change.ts';
import type { ChangeStore } from './change_ports.ts';
import type { ChangeDriver } from './drive_change.ts';
import type { Actor } from './ports.ts';

/** Somebody else moves the change at the same time now and then, never so often. */
const TRIES_MAX = 5;

/**
 * Gives a change up: of this and the pivot, whichever comes first. Repeatable. CHANGE_NOT_ALLOWED once the new ticket
 * counts; CONFLICT while the change has not even begun with its order.
 */
export async function cancelChange({ store, driver }: { store: ChangeStore; driver: ChangeDriver }, change: Change, actor: Actor): Promise<Result<Change>> {
  let now = change.stage === 'BEGUN' ? await driver.driveBriefly(change) : change;
  for (let tried = 0; tried < TRIES_MAX; tried += 1) {
    const { stage, change_id } = now;
    if (stage === 'UNDOING' || stage === 'CANCELLED' || stage === 'REFUSED') return ok(await driver.driveBriefly(now));
    if (stage === 'BEGUN') return fail('CONFLICT', { retry_after_ms: 1000 });
    if (!CANCELLABLE.includes(stage)) return fail('CHANGE_NOT_ALLOWED', { metadata: { rule: 'PIVOTED' } });
    now = await store.move(change_id, stage, 'UNDOING', { reason: 'CANCELLED' }, actor);
  }
  return fail('CONFLICT', { retry_after_ms: 1000 });
}
