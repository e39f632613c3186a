import { fail, ok, type Result } from '#kit/base/result.ts';
import type { Standby } from '../domain/standby.ts';
import { cancelChange } from './cancel_change.ts';
import type { ChangeStore } from './change_ports.ts';
import type { ChangeDriver } from './drive_change.ts';
import type { Actor } from './ports.ts';
import type { StandbyStore } from './standby_ports.ts';

export type CancelUpgradeParts = { standbys: Pick<StandbyStore, 'end'>; changes: ChangeStore; changing: ChangeDriver };

/**
 * Gives up an upgrade that has become a change: of this and the change's pivot, whichever comes first. STANDBY_NOT_CANCELLABLE once the
 * new ticket counts; CONFLICT while the change begins.
 */
export async function cancelUpgrade({ standbys, changes, changing }: CancelUpgradeParts, standby: Standby, actor: Actor): Promise<Result<Standby>> {
  const change = standby.change_id === undefined ? undefined : await changes.find(standby.change_id);
  if (change === undefined) return fail('CONFLICT', { retry_after_ms: 500 });
  const cancelled = await cancelChange({ store: changes, driver: changing }, change, actor);
  if (!cancelled.ok) return cancelled.error.reason === 'CHANGE_NOT_ALLOWED' ? fail('STANDBY_NOT_CANCELLABLE') : cancelled;
  // The order refused it: what this means for the standby is being decided.
  if (cancelled.value.stage === 'REFUSED') return fail('CONFLICT', { retry_after_ms: 500 });
  const ended = await standbys.end(standby, 'FAIL', 'CANCELLED', actor);
  // Its driver may have moved it at this very moment, and sees the end of the change itself.
  return ended.state === 'FAIL' ? ok(ended) : fail('CONFLICT', { retry_after_ms: 500 });
}
