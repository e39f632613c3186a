import type { Faults } from '../shared/faults.ts';
import { Refusal } from '../shared/route.ts';
import type { Book, Door } from './book.ts';

const DAY_MS = 86_400_000;

type Row = { trade_id: string; amount_fen: number };

/** What was paid and paid back through one door on one day in Asia/Shanghai; wrong where the knobs say so. */
export function statementOf(book: Book, faults: Faults, door: Door, date: string) {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) throw new Refusal(400, 'FIELD_INVALID');
  const from_ms = Date.parse(`${date}T00:00:00+08:00`);
  if (Number.isNaN(from_ms)) throw new Refusal(400, 'FIELD_INVALID');
  const within = (time_ms: number | undefined): boolean => time_ms !== undefined && time_ms >= from_ms && time_ms < from_ms + DAY_MS;
  const trades = book.trades().filter((trade) => trade.door === door && trade.state === 'PAID' && within(trade.pay_time_ms));
  const refunds = book.refunds().filter((refund) => book.trade(refund.trade_id)?.door === door && within(refund.create_time_ms));
  return {
    date,
    trades: trades.map(({ trade_id, gateway_trade_no, amount_fen, pay_time_ms }) => ({ trade_id, gateway_trade_no, amount_fen, pay_time_ms })).flatMap((row) => spoil(faults, date, row.trade_id, row)),
    refunds: refunds.map(({ refund_id, trade_id, amount_fen, state }) => ({ refund_id, trade_id, amount_fen, state })).flatMap((row) => spoil(faults, date, row.refund_id, row)),
  };
}

/** A row as it stands in the statement: there, missing, twice, with another amount, or with a stranger beside it. */
function spoil<R extends Row>(faults: Faults, date: string, id: string, row: R): R[] {
  const struck = (kind: string): boolean => faults.take(`/statements/${date}/${id}`, kind) !== undefined;
  if (struck('statement_missing')) return [];
  if (struck('statement_double')) return [row, row];
  if (struck('statement_wrong_amount')) return [{ ...row, amount_fen: row.amount_fen + 1 }];
  return struck('statement_stranger') ? [row, { ...row, trade_id: `9${row.trade_id}`.slice(0, 19), ...('refund_id' in row ? { refund_id: `stranger-${id}`.slice(0, 64) } : {}) }] : [row];
}
