// What the payment company knows: trades and refunds, each change a record of its journal.
import type { Journal } from '../shared/journal.ts';

export type TradeState = 'OPEN' | 'PAID' | 'CLOSED';

/** Two ways to the company: the usual one, and the one of those who ask for the national algorithms. */
export type Door = 'rsa' | 'sm2';

export type Trade = {
  /** The merchant's number: ours. */
  trade_id: string;
  gateway_trade_no: string;
  channel: string;
  /** Where it was opened, and so which keys speak of it. */
  door: Door;
  amount_fen: number;
  currency: string;
  subject: string;
  notify_url: string;
  return_url: string;
  expire_time_ms: number;
  state: TradeState;
  /** Grows with each change; callbacks carry it. */
  version: number;
  create_time_ms: number;
  pay_time_ms?: number;
  refunded_fen: number;
  /** The newest version that the merchant has taken. */
  notified_version: number;
};

export type TradeRefund = {
  refund_id: string;
  trade_id: string;
  amount_fen: number;
  state: 'PROCESSING' | 'SUCCEEDED';
  create_time_ms: number;
  ready_time_ms: number;
};

export type BookRecord = { trade: Trade } | { refund: TradeRefund };

/** Everything in memory, every acknowledged change on disk first. */
export class Book {
  readonly #trades = new Map<string, Trade>();
  readonly #by_number = new Map<string, string>();
  readonly #refunds = new Map<string, TradeRefund>();
  #journal: Journal<BookRecord> | undefined;

  replay(record: BookRecord): void {
    if ('trade' in record) {
      // Records from before there were two doors name none.
      this.#trades.set(record.trade.trade_id, { ...record.trade, door: record.trade.door ?? 'rsa' });
      this.#by_number.set(record.trade.gateway_trade_no, record.trade.trade_id);
    } else {
      this.#refunds.set(record.refund.refund_id, record.refund);
    }
  }

  keepIn(journal: Journal<BookRecord>): void {
    this.#journal = journal;
  }

  trade(trade_id: string): Trade | undefined {
    return this.#trades.get(trade_id);
  }

  tradeByNumber(gateway_trade_no: string): Trade | undefined {
    const trade_id = this.#by_number.get(gateway_trade_no);
    return trade_id === undefined ? undefined : this.#trades.get(trade_id);
  }

  refund(refund_id: string): TradeRefund | undefined {
    return this.#refunds.get(refund_id);
  }

  trades(): Trade[] {
    return [...this.#trades.values()];
  }

  refunds(): TradeRefund[] {
    return [...this.#refunds.values()];
  }

  /** Memory first, so that two requests at once see one another; the answer waits for the disk. */
  async put(record: BookRecord): Promise<void> {
    this.replay(record);
    await this.#journal?.append(record);
  }

  /** Changes a trade whose state is still the expected one; the trade as it is now either way. */
  async change(trade: Trade, from: TradeState, change: Partial<Trade>): Promise<{ trade: Trade; changed: boolean }> {
    const now = this.#trades.get(trade.trade_id) ?? trade;
    if (now.state !== from) return { trade: now, changed: false };
    const next = { ...now, ...change, version: now.version + 1 };
    await this.put({ trade: next });
    return { trade: next, changed: true };
  }
}
