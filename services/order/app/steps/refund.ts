/** An order that was paid and could not be ticketed: all of its money goes back. */
import { required } from '#kit/base/result.ts';
import { moveAll, patchItems } from '../../domain/change.ts';
import { retry_ms } from '../../domain/next_step.ts';
import type { Order } from '../../domain/order.ts';
import type { StepOutcome } from './outcome.ts';
import type { Ports } from '../ports.ts';
import { write } from './write.ts';

/** How often a refund that the gateway works on is asked for. */
const TRACK_CAP_MS = 10 * 60_000;

/** FAIL → CLOSED once payment has the refund in the gateway's hands; until then it is asked for again, by the same id. */
export async function refund(ports: Ports, order: Order): Promise<StepOutcome> {
  const close = (cause: string, tracked: boolean) =>
    write(
      ports,
      'order.Refund',
      moveAll(order, 'CLOSED', {
        cause,
        now_ms: ports.clock.now_ms(),
        close_reason: 'TICKETING_FAILED',
        patch: tracked ? { refund_id: refundIdOf(order) } : {},
        owe: tracked ? ['release', 'track_refund'] : ['release'],
      }),
    );
  if (order.payment_id === undefined) return close('nothing was paid', false);
  const asked = await ports.payments.refund({ refund_id: refundIdOf(order), payment_id: order.payment_id, amount_fen: order.total_fen, reason: 'TICKETING_FAILED' });
  // More than was paid: the money has gone back on another way, as for a payment that was returned before it was settled.
  if (!asked.ok && asked.error.reason === 'REFUND_EXCEEDS_PAID') return close('the money was returned already', false);
  if (required(asked) === 'DUE') return { wait_ms: retry_ms(order.attempts) };
  return close('refund accepted', true);
}

/** Until the money is back with the traveller, or with people who look into it. */
export async function trackRefund(ports: Ports, order: Order): Promise<StepOutcome> {
  const state = required(await ports.payments.refundState(order.refund_id ?? ''));
  if (state !== 'SUCCEEDED') return { wait_ms: retry_ms(order.attempts, TRACK_CAP_MS) };
  const change = patchItems(order, (item) => ({ refunded_fen: item.fare_fen }), { cause: 'money returned', now_ms: ports.clock.now_ms(), drop: ['track_refund'] });
  return write(ports, 'order.Refunded', { ok: true, value: change });
}

/** Derived from what is refunded; while the order is FAIL its version stands still, so every try names the same refund. */
function refundIdOf(order: Order): string {
  return order.refund_id ?? `r-${order.payment_id}-${order.version}`;
}
