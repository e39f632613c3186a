// The payment company: trades, a cashier for people, callbacks, refunds and a daily statement. help.ts has the contract and the
// knobs; `--help` prints it.
import { z } from 'zod';
import { systemClock } from '#kit/base/clock.ts';
import type { Clock } from '#kit/base/clock.ts';
import { loadSandboxKeys } from '#kit/external/keys.ts';
import type { KeyPair } from '#kit/external/keys.ts';
import { port, readConfig } from '#kit/run/config.ts';
import { runMain } from '#kit/run/lifecycle.ts';
import { createCallbackSender } from '../shared/callback.ts';
import type { CallbackSender } from '../shared/callback.ts';
import { Refusal } from '../shared/route.ts';
import type { Route } from '../shared/route.ts';
import { SANDBOX_CONFIG, startSandbox } from '../shared/sandbox.ts';
import type { Sandbox, SandboxParts } from '../shared/sandbox.ts';
import { Book } from './book.ts';
import type { BookRecord, Door, Trade, TradeRefund } from './book.ts';
import { cashierPage } from './cashier.ts';
import { HELP } from './help.ts';
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
  const keys: Record<Door, KeyPair> = { rsa: parts.keys, sm2: await loadSandboxKeys(config.sandbox_keys_dir, 'gateway', 'sm2') };
  const desk = new Desk(book, parts, keys, clock, config);
  return [
    ...doorRoutes(desk, parts, book, 'rsa', '/v1', keys.rsa),
    ...doorRoutes(desk, parts, book, 'sm2', '/sm2/v1', keys.sm2),
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

/** What our services call, at one door of the company. */
function doorRoutes(desk: Desk, parts: SandboxParts, book: Book, door: Door, base: string, keys: KeyPair): Route[] {
  const route = (method: 'GET' | 'POST', path: string, handle: Route['handle']): Route => ({ method, path: `${base}${path}`, signed: true, keys, handle });
  return [
    route('POST', '/trades', async ({ json }) => ({ json: desk.view(await desk.open(json, door)) })),
    route('GET', '/trades/:trade_id', ({ params }) => ({ json: desk.view(desk.find(params.trade_id, door)) })),
    route('POST', '/trades/:trade_id/close', async ({ params }) => ({ json: desk.view(await desk.close(desk.find(params.trade_id, door))) })),
    route('POST', '/refunds', async ({ json, path }) => ({ json: await desk.refund(json, door, path) })),
    route('GET', '/refunds/:refund_id', ({ params }) => ({ json: desk.findRefund(params.refund_id, door) })),
    route('GET', '/statements/:date', ({ params }) => ({ json: statementOf(book, parts.faults, door, params.date ?? '') })),
  ];
}

class Desk {
  readonly #book: Book;
  readonly #parts: SandboxParts;
  readonly #clock: Clock;
  readonly #config: GatewayConfig;
  readonly #senders: Record<Door, CallbackSender>;

  constructor(book: Book, parts: SandboxParts, keys: Record<Door, KeyPair>, clock: Clock, config: GatewayConfig) {
    this.#book = book;
    this.#parts = parts;
    this.#clock = clock;
    this.#config = config;
    const sender = ({ sign_key }: KeyPair) => createCallbackSender({ sign_key, faults: parts.faults, log: parts.log, clock });
    this.#senders = { rsa: sender(keys.rsa), sm2: sender(keys.sm2) };
    parts.lifecycle.onStop('callbacks', async () => void (await Promise.all([this.#senders.rsa.stop(), this.#senders.sm2.stop()])));
    // What was paid but not taken before a restart is told now.
    for (const trade of book.trades()) if (trade.state !== 'OPEN' && trade.notified_version < trade.version) this.#notify(trade);
  }

  async open(json: unknown, door: Door): Promise<Trade> {
    const asked = parse(TRADE, json);
    const known = this.#book.trade(asked.trade_id);
    if (known !== undefined) {
      if (known.amount_fen !== asked.amount_fen || known.door !== door) throw new Refusal(409, 'TRADE_DIFFERS');
      return known;
    }
    const now_ms = this.#clock.now_ms();
    const gateway_trade_no = `${asked.channel.slice(0, 2).toUpperCase()}${now_ms}${String(this.#book.trades().length).padStart(6, '0')}`;
    const trade: Trade = { ...asked, door, gateway_trade_no, state: 'OPEN', version: 1, create_time_ms: now_ms, refunded_fen: 0, notified_version: 1 };
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

  async refund(json: unknown, door: Door, path: string): Promise<TradeRefund> {
    const asked = parse(REFUND, json);
    const known = this.#book.refund(asked.refund_id);
    if (known !== undefined) {
      if (known.amount_fen !== asked.amount_fen || known.trade_id !== asked.trade_id) throw new Refusal(409, 'REFUND_DIFFERS');
      return this.findRefund(asked.refund_id, door);
    }
    const trade = this.find(asked.trade_id, door);
    const refused = this.#parts.faults.take(path, 'refund_refused') !== undefined;
    if (refused || trade.state !== 'PAID' || trade.refunded_fen + asked.amount_fen > trade.amount_fen) throw new Refusal(409, 'REFUND_REFUSED');
    const now_ms = this.#clock.now_ms();
    const slow = this.#parts.faults.take(path, 'refund_processing');
    const refund: TradeRefund = { ...asked, state: slow === undefined ? 'SUCCEEDED' : 'PROCESSING', create_time_ms: now_ms, ready_time_ms: now_ms + (slow?.delay_ms ?? 0) };
    const paid_back = this.#book.put({ trade: { ...trade, refunded_fen: trade.refunded_fen + asked.amount_fen } });
    await Promise.all([paid_back, this.#book.put({ refund })]);
    return refund;
  }

  findRefund(refund_id: string | undefined, door: Door): TradeRefund {
    const refund = this.#book.refund(refund_id ?? '');
    if (refund === undefined || this.#book.trade(refund.trade_id)?.door !== door) throw new Refusal(404, 'REFUND_UNKNOWN');
    return refund.state === 'PROCESSING' && refund.ready_time_ms <= this.#clock.now_ms() ? { ...refund, state: 'SUCCEEDED' } : refund;
  }

  /** Through a door, or any where none is named. */
  find(trade_id: string | undefined, door?: Door): Trade {
    const trade = this.#book.trade(trade_id ?? '');
    if (trade === undefined || (door !== undefined && trade.door !== door)) throw new Refusal(404, 'TRADE_UNKNOWN');
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
    const { pathname } = new URL(trade.notify_url);
    const wrong_amount = this.#parts.faults.take(pathname, 'wrong_amount') !== undefined;
    const wrong_currency = this.#parts.faults.take(pathname, 'wrong_currency') !== undefined;
    const { pay_url: _, refunded_fen: __, ...told } = this.view(trade);
    const body = { ...told, amount_fen: trade.amount_fen - (wrong_amount ? 1 : 0), currency: wrong_currency ? 'USD' : trade.currency };
    void this.#senders[trade.door].send({ url: trade.notify_url, body }).then(async (taken) => {
      const now = this.#book.trade(trade.trade_id);
      const true_word = !wrong_amount && !wrong_currency;
      if (taken && true_word && now !== undefined) await this.#book.put({ trade: { ...now, notified_version: Math.max(now.notified_version, trade.version) } });
    }).catch((error: unknown) => this.#parts.log.warn({ error }, 'a taken callback could not be noted'));
  }
}

function parse<T>(schema: z.ZodType<T>, json: unknown): T {
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new Refusal(400, 'FIELD_INVALID');
  return parsed.data;
}

if (import.meta.main) {
  if (process.argv.includes('--help')) process.stdout.write(HELP);
  else await runMain(() => start(readConfig(configSchema)));
}
