import { z } from 'zod';
import type { ExternalClient } from '#kit/external/http.ts';
import type { Gateway, GatewayAnswer, Payment, Statement } from '../app/ports.ts';

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

/** The keys a channel speaks with, and so the door of the payment company it goes through. */
export type Door = 'rsa' | 'sm2';

const BASE: Record<Door, string> = { rsa: '/v1', sm2: '/sm2/v1' };
const DOORS: readonly Door[] = ['rsa', 'sm2'];

export type GatewayOptions = {
  /** The client of one channel, or of the statements of a door: each has a breaker of its own. */
  clientOf: (door: Door, name: string) => ExternalClient;
  doorOf: (payment_channel: string) => Door;
  public_url: string;
};

/** The payment company over signed HTTP. Every call is idempotent there, by our payment id or refund id. */
export function gatewayOver({ clientOf, doorOf, public_url }: GatewayOptions): Gateway {
  const clients = new Map<string, ExternalClient>();
  function client(door: Door, name: string): ExternalClient {
    const known = clients.get(name) ?? clientOf(door, name);
    clients.set(name, known);
    return known;
  }
  /** At the door of a channel, through its own breaker: what one channel suffers is no other's concern. */
  function at<T>(payment_channel: string, schema: z.ZodType<T>, method: 'GET' | 'POST', path: string, body?: unknown, signal?: AbortSignal): Promise<GatewayAnswer<T>> {
    const door = doorOf(payment_channel);
    return call(client(door, payment_channel), schema, method, `${BASE[door]}${path}`, body, signal);
  }
  return {
    available: (payment_channel) => client(doorOf(payment_channel), payment_channel).available(),
    open: (payment: Payment, signal) =>
      at(payment.payment_channel, TRADE, 'POST', '/trades', {
        trade_id: String(payment.payment_id),
        channel: payment.payment_channel,
        amount_fen: payment.amount_fen,
        currency: 'CNY',
        subject: `火车票订单 ${payment.order_id}`,
        notify_url: `${public_url}/callbacks/payment/v1/${payment.payment_channel}`,
        return_url: `${public_url}${payment.return_path}`,
        expire_time_ms: payment.expire_time_ms,
      }, signal),
    find: ({ payment_id, payment_channel }, signal) => at(payment_channel, TRADE, 'GET', `/trades/${payment_id}`, undefined, signal),
    close: ({ payment_id, payment_channel }, signal) => at(payment_channel, TRADE, 'POST', `/trades/${payment_id}/close`, {}, signal),
    refund: ({ refund_id, payment_id, payment_channel, amount_fen }, signal) => at(payment_channel, REFUND, 'POST', '/refunds', { refund_id, trade_id: String(payment_id), amount_fen }, signal),
    findRefund: ({ refund_id, payment_channel }, signal) => at(payment_channel, REFUND, 'GET', `/refunds/${encodeURIComponent(refund_id)}`, undefined, signal),
    async statement(date, signal) {
      const parts = await Promise.all(DOORS.map((door) => call(client(door, `statement-${door}`), STATEMENT, 'GET', `${BASE[door]}/statements/${date}`, undefined, signal)));
      const whole: Statement = { trades: [], refunds: [] };
      for (const part of parts) {
        if (!part.ok) return part;
        whole.trades.push(...part.value.trades);
        whole.refunds.push(...part.value.refunds);
      }
      return { ok: true, value: whole };
    },
  };
}

async function call<T>(client: ExternalClient, schema: z.ZodType<T>, method: 'GET' | 'POST', path: string, body?: unknown, signal?: AbortSignal): Promise<GatewayAnswer<T>> {
  const outcome = await client.call({ method, path, body, signal });
  if (!outcome.ok) return { ok: false, problem: 'unreachable', detail: `${outcome.error.problem}: ${outcome.error.detail}` };
  const { status } = outcome.value;
  if (status === 404) return { ok: false, problem: 'unknown', detail: 'unknown there' };
  if (status >= 400) return { ok: false, problem: 'refused', detail: `refused with ${status}` };
  const parsed = schema.safeParse(outcome.value.body);
  return parsed.success ? { ok: true, value: parsed.data } : { ok: false, problem: 'unreachable', detail: 'the answer is malformed' };
}
