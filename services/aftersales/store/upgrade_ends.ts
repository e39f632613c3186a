/** What refunds and changes mean for those who wait for a better train, in their own transactions. */
import type { Tx } from '#kit/store/mysql.ts';
import { record } from './record.ts';
import { leaveQueues } from './standby_queue.ts';
import { forgetClaims, loadStandby, updateStandbys, type StandbyStoreDeps } from './standby_store.ts';

/**
 * The order has given tickets to a refund or a change: who waits for a better train for one of them waits no more. One whose
 * seats are being taken at this moment is refused them when its change is priced, and does not wait on (hasLostTickets).
 */
export async function endUpgrades(tx: Tx, deps: Omit<StandbyStoreDeps, 'db'>, item_ids: readonly string[]): Promise<void> {
  if (item_ids.length === 0) return;
  const waiting = await tx.execute<{ standby_id: bigint }>('SELECT DISTINCT standby_id FROM standby_ticket WHERE item_id IN (?) ORDER BY standby_id', [[...item_ids]]);
  for (const { standby_id } of waiting) {
    await tx.execute('SELECT 1 FROM standby WHERE standby_id = ? FOR UPDATE', [standby_id]);
    const standby = (await loadStandby(tx, BigInt(standby_id)))!;
    if (standby.state !== 'PENDING') {
      await tx.execute('DELETE FROM standby_ticket WHERE standby_id = ? AND item_id IN (?)', [standby_id, [...item_ids]]);
      continue;
    }
    await leaveQueues(tx, [standby.standby_id]);
    await forgetClaims(tx, standby);
    // Looked at at once: the end has to be told.
    await updateStandbys(tx, [standby.standby_id], 'FAIL', { reason: 'ITEM_NOT_CHANGEABLE', wait: 0 }, deps.clock.now_ms());
    await record(tx, deps, { operation: 'standby.Move', target: `standby/${standby.standby_id}`, result: 'FAIL' });
  }
}

/** Its change has come to where the standby is another one, too. */
export async function wakeUpgrade(tx: Tx, standby_id: string): Promise<void> {
  await tx.execute('UPDATE standby SET next_action_time = UTC_TIMESTAMP(3), attempts = 0 WHERE standby_id = ? AND ended_at IS NULL', [BigInt(standby_id)]);
}
