import type { Tx } from '#kit/store/mysql.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';

/**
 * What payments and refunds come to, counted at their commit. The success rate of a channel is succeeded ÷ (succeeded +
 * closed); refunds in state MANUAL wait for people.
 */
function openMeters() {
  const metrics = metricsFor('payment');
  const payments = metrics.counter('payments_total', 'Payments by channel and what they became: created, succeeded, unwanted (paid when closed), closed', ['payment_channel', 'state']);
  const refunds = metrics.counter('payment_refunds_total', 'Refunds by channel and what they became: due, succeeded, manual', ['payment_channel', 'state']);
  return {
    payment: (tx: Tx, payment_channel: string, state: 'created' | 'succeeded' | 'unwanted' | 'closed') => tx.afterCommit(() => payments.inc({ payment_channel, state })),
    refund: (tx: Tx, payment_channel: string, state: 'due' | 'succeeded' | 'manual') => tx.afterCommit(() => refunds.inc({ payment_channel, state })),
  };
}

export const meters = openMeters();
