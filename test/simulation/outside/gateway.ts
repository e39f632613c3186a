/** The payment company: its book is the truth about money. Callbacks come late, often, out of order, wrong or never. */
import type { Result } from '#kit/base/result.ts';
import type { Gateway, GatewayAnswer, GatewayTrade, Payment } from '../../../services/payment/app/ports.ts';
import { failureOf, type Net, type Process } from '../process.ts';

export type Trade = { trade_id: string; channel: string; amount_fen: number; state: 'OPEN' | 'PAID' | 'CLOSED'; version: number; expire_ms: number; pay_time_ms?: number; refunded_fen: number };
export type TradeRefund = { refund_id: string; trade_id: string; amount_fen: number; ready_ms: number };

/** A callback as it arrives: signed bytes, and how old the signature is. */
export type Callback = { channel: string; raw: Uint8Array; nonce: string; signed_ms: number };

const CALL_MS = 3000;
const CALLBACK_MS = 5000;
const CALLBACK_TRIES = 8;
const DOWN_MS = [3000, 20_000, 90_000] as const;
const SLOW_REFUND_MS = [3000, 60_000, 400_000] as const;
const LATE_MS = [3000, 40_000, 400_000] as const;

export class SimGateway {
  readonly trades = new Map<string, Trade>();
  readonly refunds = new Map<string, TradeRefund>();
  /** How long after its time a trade can still be paid there. */
  readonly grace_ms: number;
  /** Where callbacks go; set by the world. */
  take: (callback: Callback) => Promise<Result<unknown>> = () => Promise.reject(new Error('nobody listens'));
  /** Called when a report of money was acknowledged. */
  onAcknowledged: (trade: Trade) => void = () => undefined;
  readonly #net: Net;
  #down_until_ms = 0;
  #nonces = 0;

  constructor(net: Net) {
    this.#net = net;
    this.grace_ms = net.scheduler.pick([0, 0, 240_000]);
  }

  /** The gateway as one process of payment reaches it. */
  port(process: Process): Gateway {
    return this.#methods((label, effect) => this.#call(process, label, effect));
  }

  /** The gateway on a good day. */
  directly(): Gateway {
    return this.#methods(async (_label, effect) => effect());
  }

  #methods(call: <T>(label: string, effect: () => GatewayAnswer<T>) => Promise<GatewayAnswer<T>>): Gateway {
    return {
      available: () => this.#down_until_ms <= this.#net.scheduler.now_ms(),
      open: (payment) => call('open', () => this.#open(payment)),
      find: ({ payment_id }) => call('find', () => this.#known(payment_id, viewOf)),
      close: ({ payment_id }) => call('close', () => this.#known(payment_id, (trade) => viewOf(this.#close(trade)))),
      refund: (refund) => call('refund', () => this.refund(refund)),
      findRefund: ({ refund_id }) => call('findRefund', () => {
        const refund = this.refunds.get(refund_id);
        return refund === undefined ? UNKNOWN : { ok: true, value: { state: this.#stateOf(refund) } };
      }),
      statement: () => call('statement', () => ({ ok: true, value: this.statement() })),
    };
  }

  /** A traveller pays on the gateway's own page. */
  pay(trade_id: string): boolean {
    const { scheduler } = this.#net;
    const trade = this.trades.get(trade_id);
    if (trade?.state !== 'OPEN') return false;
    if (scheduler.now_ms() >= trade.expire_ms + this.grace_ms) {
      this.#close(trade);
      return false;
    }
    Object.assign(trade, { state: 'PAID', version: trade.version + 1, pay_time_ms: Math.floor(scheduler.now_ms()) });
    scheduler.note('gateway', `trade ${trade_id} is PAID`);
    this.#tell(trade);
    return true;
  }

  /** As for an order of people: `refused` is for good. */
  refund({ refund_id, payment_id, amount_fen }: { refund_id: string; payment_id: bigint; amount_fen: number }): GatewayAnswer<{ state: 'PROCESSING' | 'SUCCEEDED' }> {
    const { scheduler, faults } = this.#net;
    const known = this.refunds.get(refund_id);
    const trade_id = String(payment_id);
    if (known !== undefined) return known.amount_fen === amount_fen && known.trade_id === trade_id ? { ok: true, value: { state: this.#stateOf(known) } } : REFUSED;
    const trade = this.trades.get(trade_id);
    if (trade === undefined) return UNKNOWN;
    if (faults.hits('gateway_refused') || trade.state !== 'PAID' || trade.refunded_fen + amount_fen > trade.amount_fen) return REFUSED;
    trade.refunded_fen += amount_fen;
    const made = { refund_id, trade_id, amount_fen, ready_ms: scheduler.now_ms() + (faults.hits('refund_slow') ? scheduler.pick(SLOW_REFUND_MS) : 0) };
    this.refunds.set(refund_id, made);
    return { ok: true, value: { state: this.#stateOf(made) } };
  }

  statement() {
    const paid = [...this.trades.values()].filter(({ state }) => state === 'PAID');
    return { trades: paid.map(({ trade_id, amount_fen }) => ({ trade_id, amount_fen })), refunds: [...this.refunds.values()].map(({ refund_id, trade_id, amount_fen }) => ({ refund_id, trade_id, amount_fen })) };
  }

  #open(payment: Payment): GatewayAnswer<GatewayTrade> {
    const trade_id = String(payment.payment_id);
    const known = this.trades.get(trade_id);
    if (known !== undefined) return viewOf(known);
    if (this.#net.faults.hits('gateway_refused')) return REFUSED;
    const trade: Trade = { trade_id, channel: payment.payment_channel, amount_fen: payment.amount_fen, state: 'OPEN', version: 1, expire_ms: payment.expire_time_ms, refunded_fen: 0 };
    this.trades.set(trade_id, trade);
    return viewOf(trade);
  }

  #close(trade: Trade): Trade {
    if (trade.state !== 'OPEN') return trade;
    Object.assign(trade, { state: 'CLOSED', version: trade.version + 1 });
    this.#tell(trade);
    return trade;
  }

  #known(payment_id: bigint, answer: (trade: Trade) => GatewayAnswer<GatewayTrade>): GatewayAnswer<GatewayTrade> {
    const trade = this.trades.get(String(payment_id));
    return trade === undefined ? UNKNOWN : answer(trade);
  }

  #stateOf({ ready_ms }: TradeRefund): 'PROCESSING' | 'SUCCEEDED' {
    return ready_ms <= this.#net.scheduler.now_ms() ? 'SUCCEEDED' : 'PROCESSING';
  }

  async #call<T>(process: Process, label: string, effect: () => GatewayAnswer<T>): Promise<GatewayAnswer<T>> {
    const { scheduler, faults } = this.#net;
    if (faults.hits('gateway_down')) this.#down_until_ms = scheduler.now_ms() + scheduler.pick(DOWN_MS);
    try {
      return await this.#net.call(process, `gateway.${label}`, CALL_MS, () => {
        if (faults.running() && this.#down_until_ms > scheduler.now_ms()) return { ok: false as const, problem: 'unreachable' as const, detail: 'it is away' };
        return effect();
      });
    } catch (error) {
      return { ok: false, problem: 'unreachable', detail: failureOf(error).reason };
    }
  }

  /** Sends a change to the merchant, with all that can happen on the way. */
  #tell(trade: Trade): void {
    const { scheduler, faults } = this.#net;
    const told = { ...trade };
    if (faults.hits('callback_wrong_amount')) scheduler.after(this.#net.latency_ms(), () => this.#send(told, { wrong: true, tries: 1 }));
    if (faults.hits('callback_lost')) return;
    const late_ms = faults.hits('callback_delayed') ? scheduler.pick(LATE_MS) : 0;
    const shuffled_ms = faults.hits('callback_reordered') ? scheduler.random.unit() * 3000 : 0;
    scheduler.after(late_ms + shuffled_ms + this.#net.latency_ms(), () => this.#send(told, { wrong: false, tries: CALLBACK_TRIES }));
  }

  #send(trade: Trade, { wrong, tries }: { wrong: boolean; tries: number }): void {
    const { scheduler, faults } = this.#net;
    this.#nonces += 1;
    const body = { ...reportOf(trade), amount_fen: wrong ? trade.amount_fen - 1 : trade.amount_fen };
    const callback = { channel: trade.channel, raw: Buffer.from(JSON.stringify(body)), nonce: `n${this.#nonces}`, signed_ms: scheduler.now_ms() };
    const sendOnce = (again: () => void): void => {
      this.#net.call(undefined, 'callback', CALLBACK_MS, () => this.take(callback)).then(
        (taken) => {
          if (!taken.ok) return again();
          if (trade.state === 'PAID') this.onAcknowledged(trade);
        },
        () => again(),
      );
    };
    sendOnce(() => {
      if (tries > 1) scheduler.after(2000 * 2 ** (CALLBACK_TRIES - tries), () => this.#send(trade, { wrong, tries: tries - 1 }));
    });
    if (faults.hits('callback_repeated')) scheduler.after(scheduler.random.unit() * 4000, () => sendOnce(() => undefined));
    if (faults.hits('callback_replayed')) scheduler.after(scheduler.random.unit() * 600_000, () => sendOnce(() => undefined));
  }
}

const UNKNOWN = { ok: false as const, problem: 'unknown' as const, detail: 'unknown there' };
const REFUSED = { ok: false as const, problem: 'refused' as const, detail: 'refused' };

function reportOf({ trade_id, state, version, amount_fen, pay_time_ms }: Trade) {
  return { trade_id, gateway_trade_no: `g${trade_id}`, state, version, amount_fen, currency: 'CNY', pay_time_ms };
}

function viewOf(trade: Trade): GatewayAnswer<GatewayTrade> {
  return { ok: true, value: { ...reportOf(trade), pay_url: 'https://gateway.example/' } };
}
