import type { Payment } from './payment.ts';
import type { Refund } from './refund.ts';

/** A day of the gateway, as it says itself: every trade paid and every refund made. */
export type Statement = {
  trades: { trade_id: string; amount_fen: number }[];
  refunds: { refund_id: string; trade_id: string; amount_fen: number }[];
};

/**
 * How a row differs. `MISSING_AT_GATEWAY`: ours, and the statement lacks it; `MISSING_HERE`: theirs, and we never made it;
 * `STATE`: both know it, we not yet as final; `DAY`: both agree, but on the day; `OTHER_PAYMENT`: a refund of another trade.
 */
export type DifferenceKind = 'MISSING_AT_GATEWAY' | 'MISSING_HERE' | 'DOUBLE_AT_GATEWAY' | 'AMOUNT' | 'STATE' | 'DAY' | 'OTHER_PAYMENT';

export type Difference<T> = { kind: DifferenceKind; id: string; ours: T | undefined; ours_fen: number | undefined; gateway_fen: number | undefined };

export type Ours<T> = {
  /** What ended here on the day. */
  of_day: ReadonlyMap<string, T>;
  /** What the statement names besides, as far as we know it. */
  others: ReadonlyMap<string, T>;
};

export function comparePayments(trades: Statement['trades'], ours: Ours<Payment>): Difference<Payment>[] {
  const rows = trades.map(({ trade_id, amount_fen }) => ({ id: trade_id, amount_fen, fits: () => true }));
  return compare(rows, ours, (payment) => payment.state === 'SUCCEEDED');
}

export function compareRefunds(refunds: Statement['refunds'], ours: Ours<Refund>): Difference<Refund>[] {
  const rows = refunds.map(({ refund_id, trade_id, amount_fen }) => ({ id: refund_id, amount_fen, fits: (refund: Refund) => String(refund.payment_id) === trade_id }));
  return compare(rows, ours, (refund) => refund.state === 'SUCCEEDED');
}

type Row<T> = { id: string; amount_fen: number; fits: (ours: T) => boolean };

function compare<T extends { amount_fen: number }>(rows: readonly Row<T>[], { of_day, others }: Ours<T>, done: (ours: T) => boolean): Difference<T>[] {
  const found: Difference<T>[] = [];
  const told = new Set<string>();
  for (const row of rows) {
    const ours = of_day.get(row.id) ?? others.get(row.id);
    const kind = told.has(row.id) ? 'DOUBLE_AT_GATEWAY' : kindOf(row, ours, of_day.has(row.id), done);
    told.add(row.id);
    if (kind !== undefined) found.push({ kind, id: row.id, ours, ours_fen: ours?.amount_fen, gateway_fen: row.amount_fen });
  }
  for (const [id, ours] of of_day) if (done(ours) && !told.has(id)) found.push({ kind: 'MISSING_AT_GATEWAY', id, ours, ours_fen: ours.amount_fen, gateway_fen: undefined });
  return found;
}

function kindOf<T extends { amount_fen: number }>(row: Row<T>, ours: T | undefined, same_day: boolean, done: (ours: T) => boolean): DifferenceKind | undefined {
  if (ours === undefined) return 'MISSING_HERE';
  if (!row.fits(ours)) return 'OTHER_PAYMENT';
  if (ours.amount_fen !== row.amount_fen) return 'AMOUNT';
  if (!done(ours)) return 'STATE';
  return same_day ? undefined : 'DAY';
}
