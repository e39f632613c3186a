import { z } from 'zod';
import type { ExternalClient } from '#kit/external/http.ts';
import type { Gateway, GatewayAnswer, Payment } from '../app/ports.ts';

const TRADE = z.object({
  trade_id: z.string(),
  gateway_trade_no: z.string().min(1).max(64),
  state: z.enum(['OPEN', 'PAID', 'CLOSED']),
  version: z.number().int().positive(),
  amount_fen: z.number().int().positive(),
  currency: z.string(),
  pay_time_ms: z.number().int().optional(),
  pay_url: z.url().max(500),
});
const REFUND = z.object({ state: z.enum(['PROCESSING', 'SUCCEEDED']) });
const STATEMENT = z.object({
  trades: z.array(z.object({ trade_id: z.string(), amount_fen: z.number().int() })),
  refunds: z.array(z.object({ refund_id: z.string(), trade_id: z.string(), amount_fen: z.number().int() })),
});

/** The payment company over signed HTTP. Every call is idempotent there, by our payment id or refund id. */
export function gatewayOver(client: ExternalClient, public_url: string): Gateway {
  async function call<T>(schema: z.ZodType<T>, method: 'GET' | 'POST', path: string, body?: unknown, signal?: AbortSignal): Promise<GatewayAnswer<T>> {
    const outcome = await client.call({ method, path, body, signal });
    if (!outcome.ok) return { ok: false, problem: 'unreachable', detail: `${outcome.error.problem}: ${outcome.error.detail}` };
    const { status } = outcome.value;
    if (status === 404) return { ok: false, problem: 'unknown', detail: 'unknown there' };
    if (status >= 400) return { ok: false, problem: 'refused', detail: `refused with ${status}` };
    const parsed = schema.safeParse(outcome.value.body);
    return parsed.success ? { ok: true, value: parsed.data } : { ok: false, problem: 'unreachable', detail: 'the answer is malformed' };
  }
  const trade = (payment_id: bigint): string => `/v1/trades/${payment_id}`;
  return {
    open: (payment: Payment, signal) =>
      call(TRADE, 'POST', '/v1/trades', {
        trade_id: String(payment.payment_id),
        channel: payment.payment_channel,
        amount_fen: payment.amount_fen,
        currency: 'CNY',
        subject: `火车票订单 ${payment.order_id}`,
        notify_url: `${public_url}/callbacks/payment/v1/${payment.payment_channel}`,
        return_url: `${public_url}${payment.return_path}`,
        expire_time_ms: payment.expire_time_ms,
      }, signal),
    find: (payment_id, signal) => call(TRADE, 'GET', trade(payment_id), undefined, signal),
    close: (payment_id, signal) => call(TRADE, 'POST', `${trade(payment_id)}/close`, {}, signal),
    refund: ({ refund_id, payment_id, amount_fen }, signal) => call(REFUND, 'POST', '/v1/refunds', { refund_id, trade_id: String(payment_id), amount_fen }, signal),
    findRefund: (refund_id, signal) => call(REFUND, 'GET', `/v1/refunds/${encodeURIComponent(refund_id)}`, undefined, signal),
    statement: (date, signal) => call(STATEMENT, 'GET', `/v1/statements/${date}`, undefined, signal),
  };
}
