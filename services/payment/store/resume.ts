import type { Tx } from '#kit/store/mysql.ts';
import type { EffectJournal } from './journal.ts';

/** Makes what people had to look at due again, all tries anew. What has ended meanwhile stays as it is. */
export function resumeIn(journal: EffectJournal) {
  async function due(tx: Tx, changed: number, target: string): Promise<void> {
    if (changed === 1) await journal.record(tx, 'payment.Resume', target);
  }
  return {
    async payment(tx: Tx, payment_id: bigint): Promise<void> {
      const { affected_rows } = await tx.execute(
        `UPDATE payment SET next_action_time = UTC_TIMESTAMP(3), attempts = 0 WHERE payment_id = ? AND (state IN ('CREATED', 'PENDING') OR (state = 'SUCCEEDED' AND settled IS NULL))`,
        [payment_id],
      );
      await due(tx, affected_rows, `payment/${payment_id}`);
    },
    /** PROCESSING, not DUE: it was told before, so the gateway is asked first. */
    async refund(tx: Tx, refund_id: string): Promise<void> {
      const { affected_rows } = await tx.execute(
        `UPDATE refund SET state = 'PROCESSING', finished_at = NULL, next_action_time = UTC_TIMESTAMP(3), attempts = 0 WHERE refund_id = ? AND state = 'MANUAL'`,
        [refund_id],
      );
      await due(tx, affected_rows, `refund/${refund_id}`);
    },
  };
}
