import type { Tx } from '#kit/store/mysql.ts';
import { REGISTRATION_SETTLED_MS, type Issue } from '../domain/ticket.ts';
import type { StoreDeps } from './issue_store.ts';

/** An issue that is ISSUING comes to nothing: its row must be locked. */
export async function abort(tx: Tx, { journal, clock }: Pick<StoreDeps, 'journal' | 'clock'>, { issue_id, order_id }: Issue, reason: string): Promise<void> {
  await tx.execute(`UPDATE issue SET state = 'ABORTING', failure_reason = ?, next_action_time = UTC_TIMESTAMP(3), attempts = 0 WHERE issue_id = ?`, [reason.slice(0, 200), issue_id]);
  // What was refused may have been asked for twice, and the other request taken: the sweeper makes sure, nobody waits for it.
  // Assignments are made from left to right, so the state decides before it changes.
  await tx.execute(
    `UPDATE ticket SET state = 'VOID', void_reason = 'NOT_ISSUED', voided_at = ?, attempts = 0,
       next_action_time = CASE WHEN railway_state IN ('ASKED', 'REGISTERED') THEN UTC_TIMESTAMP(3) WHEN railway_state = 'REFUSED' THEN UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND END,
       railway_state = IF(railway_state IN ('ASKED', 'REGISTERED'), 'VOID_DUE', railway_state) WHERE issue_id = ?`,
    [new Date(clock.now_ms()), REGISTRATION_SETTLED_MS * 1000, issue_id],
  );
  await journal(tx, 'ticket.Abort', [{ target: `order/${order_id}` }], undefined, (reason.split(' ')[0] ?? '').slice(0, 64));
}
