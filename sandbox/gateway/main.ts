// The payment company: trades, a cashier for people, callbacks, refunds and a daily statement.
//
//   POST /v1/trades {trade_id, channel, amount_fen, currency, subject, notify_url, return_url, expire_time_ms} → trade with pay_url
//   GET  /v1/trades/{trade_id}          POST /v1/trades/{trade_id}/close  → the trade; PAID when it was faster
//   POST /v1/refunds {refund_id, trade_id, amount_fen}    GET /v1/refunds/{refund_id}
//   GET  /v1/statements/{YYYY-MM-DD}    trades paid and refunds made on that day in Asia/Shanghai
//   GET  /cashier/{gateway_trade_no}    the page; POST …/pay and …/leave are its buttons
//   POST /sandbox/trades/{trade_id}/pay pays without a page, for load and demos
//
// Callbacks go to notify_url until they are taken, also after a restart. Idempotent by trade_id and refund_id. Knobs besides
// those of all sandboxes: `wrong_amount` on a callback's path, `refund_processing` (delay_ms) and `refund_refused`.
import { z } from 'zod';
import { systemClock } from '#kit/base/clock.ts';
import type { Clock } from '#kit/base/clock.ts';
import { port, readConfig } from '#kit/run/config.ts';
import { runMain } from '#kit/run/lifecycle.ts';
import { createCallbackSender } from '../shared/callback.ts';
import { Refusal } from '../shared/route.ts';
import type { Route } from '../shared/route.ts';
import { SANDBOX_CONFIG, startSandbox } from '../shared/sandbox.ts';
import type { Sandbox, SandboxParts } from '../shared/sandbox.ts';
import { Book } from './book.ts';
import type { BookRecord, Trade, TradeRefund } from './book.ts';
import { cashierPage } from './cashier.ts';
import { statementOf } from './statement.ts';

export const configSchema = z.object({ ...SANDBOX_CONFIG, gateway_http_port: port.default(0), gateway_url: z.string().optional() });

type GatewayConfig = z.output<typeof configSchema>;

export function start(config: GatewayConfig, { clock = systemClock }: { clock?: Clock } = {}): Promise<Sandbox> {
  return startSandbox('gateway', config.gateway_http_port, config, (parts) => build(parts, config, clock), { clock });
}

const TRADE = z.object({
  trade_id: z.string().regex(/^[\w-]{1,64}$/),
  channel: z.string().regex(/^[a-z]{2,16}$/),
  amount_fen: z.number().int().positive(),
  currency: z.literal('CNY'),
  subject: z.string().max(200),
  notify_url: z.url(),
  return_url: z.url(),
  expire_time_ms: z.number().int(),
});
const REFUND = z.object({ refund_id: z.string().regex(/^[\w-]{1,64}$/), trade_id: z.string(), amount_fen: z.number().int().positive() });

async function build(parts: SandboxParts, config: GatewayConfig, clock: Clock): Promise<Route[]> {
  const book = new Book();
  book.keepIn(await parts.openJournal<BookRecord>((record) => book.replay(record)));
  const desk = new Desk(book, parts, clock, config);
  return [
    { method: 'POST', path: '/v1/trades', signed: true, handle: async ({ json }) => ({ json: desk.view(await desk.open(json)) }) },
    { method: 'GET', path: '/v1/trades/:trade_id', signed: true, handle: ({ params }) => ({ json: desk.view(desk.find(params.trade_id)) }) },
    { method: 'POST', path: '/v1/trades/:trade_id/close', signed: true, handle: async ({ params }) => ({ json: desk.view(await desk.close(desk.find(params.trade_id))) }) },
    { method: 'POST', path: '/v1/refunds', signed: true, handle: async ({ json }) => ({ json: await desk.refund(json) }) },
    { method: 'GET', path: '/v1/refunds/:refund_id', signed: true, handle: ({ params }) => ({ json: desk.findRefund(params.refund_id) }) },
    { method: 'GET', path: '/v1/statements/:date', signed: true, handle: ({ params }) => ({ json: statementOf(book, params.date ?? '') }) },
    { method: 'GET', path: '/cashier/:number', signed: false, handle: ({ params }) => ({ html: cashierPage(desk.findNumber(params.number), clock.now_ms()) }) },
    {
      method: 'POST',
      path: '/cashier/:number/pay',
      signed: false,
      async handle({ params }) {
        const trade = await desk.pay(desk.findNumber(params.number));
        return { redirect: trade.return_url };
      },
    },
    { method: 'POST', path: '/cashier/:number/leave', signed: false, handle: ({ params }) => ({ redirect: desk.findNumber(params.number).return_url }) },
    { method: 'POST', path: '/sandbox/trades/:trade_id/pay', signed: false, handle: async ({ params }) => ({ json: desk.view(await desk.pay(desk.find(params.trade_id))) }) },
  ];
}

class Desk {
  readonly #book: Book;
  readonly #parts: SandboxParts;
  readonly #clock: Clock;
  readonly #config: GatewayConfig;
  readonly #sender;

  constructor(book: Book, parts: SandboxParts, clock: Clock, config: GatewayConfig) {
    this.#book = book;
    this.#parts = parts;
    this.#clock = clock;
    this.#config = config;
    this.#sender = createCallbackSender({ sign_key: parts.keys.sign_key, faults: parts.faults, log: parts.log, clock });
    parts.lifecycle.onStop('callbacks', () => this.#sender.stop());
    // What was paid but not taken before a restart is told now.
    for (const trade of book.trades()) if (trade.state !== 'OPEN' && trade.notified_version < trade.version) this.#notify(trade);
  }

  async open(json: unknown): Promise<Trade> {
    const asked = parse(TRADE, json);
    const known = this.#book.trade(asked.trade_id);
    if (known !== undefined) {
      if (known.amount_fen !== asked.amount_fen) throw new Refusal(409, 'TRADE_DIFFERS');
      return known;
    }
    const now_ms = this.#clock.now_ms();
    const gateway_trade_no = `${asked.channel.slice(0, 2).toUpperCase()}${now_ms}${String(this.#book.trades().length).padStart(6, '0')}`;
    const trade: Trade = { ...asked, gateway_trade_no, state: 'OPEN', version: 1, create_time_ms: now_ms, refunded_fen: 0, notified_version: 1 };
    await this.#book.put({ trade });
    return trade;
  }

  /** A trade that expired is closed when somebody looks at it. */
  async pay(trade: Trade): Promise<Trade> {
    if (trade.expire_time_ms <= this.#clock.now_ms()) return this.close(trade);
    const { trade: now, changed } = await this.#book.change(trade, 'OPEN', { state: 'PAID', pay_time_ms: this.#clock.now_ms() });
    if (changed) this.#notify(now);
    return now;
  }

  async close(trade: Trade): Promise<Trade> {
    const { trade: now, changed } = await this.#book.change(trade, 'OPEN', { state: 'CLOSED' });
    if (changed) this.#notify(now);
    return now;
  }

  async refund(json: unknown): Promise<TradeRefund> {
    const asked = parse(REFUND, json);
    const known = this.#book.refund(asked.refund_id);
    if (known !== undefined) {
      if (known.amount_fen !== asked.amount_fen || known.trade_id !== asked.trade_id) throw new Refusal(409, 'REFUND_DIFFERS');
      return this.findRefund(asked.refund_id);
    }
    const trade = this.find(asked.trade_id);
    const refused = this.#parts.faults.take('/v1/refunds', 'refund_refused') !== undefined;
    if (refused || trade.state !== 'PAID' || trade.refunded_fen + asked.amount_fen > trade.amount_fen) throw new Refusal(409, 'REFUND_REFUSED');
    const now_ms = this.#clock.now_ms();
    const slow = this.#parts.faults.take('/v1/refunds', 'refund_processing');
    const refund: TradeRefund = { ...asked, state: slow === undefined ? 'SUCCEEDED' : 'PROCESSING', create_time_ms: now_ms, ready_time_ms: now_ms + (slow?.delay_ms ?? 0) };
    const paid_back = this.#book.put({ trade: { ...trade, refunded_fen: trade.refunded_fen + asked.amount_fen } });
    await Promise.all([paid_back, this.#book.put({ refund })]);
    return refund;
  }

  findRefund(refund_id: string | undefined): TradeRefund {
    const refund = this.#book.refund(refund_id ?? '');
    if (refund === undefined) throw new Refusal(404, 'REFUND_UNKNOWN');
    return refund.state === 'PROCESSING' && refund.ready_time_ms <= this.#clock.now_ms() ? { ...refund, state: 'SUCCEEDED' } : refund;
  }

  find(trade_id: string | undefined): Trade {
    const trade = this.#book.trade(trade_id ?? '');
    if (trade === undefined) throw new Refusal(404, 'TRADE_UNKNOWN');
    return trade;
  }

  findNumber(gateway_trade_no: string | undefined): Trade {
    const trade = this.#book.tradeByNumber(gateway_trade_no ?? '');
    if (trade === undefined) throw new Refusal(404, 'TRADE_UNKNOWN');
    return trade;
  }

  view(trade: Trade) {
    const { trade_id, gateway_trade_no, channel, amount_fen, currency, state, version, pay_time_ms, refunded_fen } = trade;
    const base = this.#config.gateway_url ?? `http://${this.#config.listen_host}:${this.#config.gateway_http_port}`;
    return { trade_id, gateway_trade_no, channel, amount_fen, currency, state, version, pay_time_ms, refunded_fen, pay_url: `${base}/cashier/${encodeURIComponent(gateway_trade_no)}` };
  }

  #notify(trade: Trade): void {
    const wrong = this.#parts.faults.take(new URL(trade.notify_url).pathname, 'wrong_amount') !== undefined;
    const { pay_url: _, refunded_fen: __, ...told } = this.view(trade);
    const body = { ...told, amount_fen: wrong ? trade.amount_fen - 1 : trade.amount_fen };
    void this.#sender.send({ url: trade.notify_url, body }).then(async (taken) => {
      const now = this.#book.trade(trade.trade_id);
      if (taken && !wrong && now !== undefined) await this.#book.put({ trade: { ...now, notified_version: Math.max(now.notified_version, trade.version) } });
    }).catch((error: unknown) => this.#parts.log.warn({ error }, 'a taken callback could not be noted'));
  }
}

function parse<T>(schema: z.ZodType<T>, json: unknown): T {
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new Refusal(400, 'FIELD_INVALID');
  return parsed.data;
}

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
