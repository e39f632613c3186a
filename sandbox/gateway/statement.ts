import { Refusal } from '../shared/route.ts';
import type { Book } from './book.ts';

const DAY_MS = 86_400_000;

/** What was paid and paid back on one day in Asia/Shanghai. */
export function statementOf(book: Book, date: string) {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) throw new Refusal(400, 'FIELD_INVALID');
  const from_ms = Date.parse(`${date}T00:00:00+08:00`);
  if (Number.isNaN(from_ms)) throw new Refusal(400, 'FIELD_INVALID');
  const within = (time_ms: number | undefined): boolean => time_ms !== undefined && time_ms >= from_ms && time_ms < from_ms + DAY_MS;
  return {
    date,
    trades: book.trades().filter((trade) => trade.state === 'PAID' && within(trade.pay_time_ms)).map(({ trade_id, gateway_trade_no, amount_fen, pay_time_ms }) => ({ trade_id, gateway_trade_no, amount_fen, pay_time_ms })),
    refunds: book.refunds().filter((refund) => within(refund.create_time_ms)).map(({ refund_id, trade_id, amount_fen, state }) => ({ refund_id, trade_id, amount_fen, state })),
  };
}
