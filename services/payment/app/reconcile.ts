import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { Gateway, Payment, PaymentStore, Refund, RefundStore } from './ports.ts';

export type StatementDifference = {
  kind: 'MISSING_AT_GATEWAY' | 'MISSING_HERE' | 'AMOUNT' | 'STATE';
  payment_id: string;
  refund_id: string;
  ours_fen: number | undefined;
  gateway_fen: number | undefined;
  repaired: boolean;
  explanation: string;
};

export type Reconciliation = { payments: number; refunds: number; differences: StatementDifference[] };

const DAY_MS = 86_400_000;
const MAX_DIFFERENCES = 1000;

/** Compares a day of the gateway's statement with ours, names each difference, and takes money that was never told of. */
export async function reconcileStatement(deps: { payments: PaymentStore; refunds: RefundStore; gateway: Gateway }, date: string): Promise<Result<Reconciliation>> {
  const from_ms = Date.parse(`${date}T00:00:00+08:00`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date) || Number.isNaN(from_ms)) return fieldInvalid('date', 'must be YYYY-MM-DD');
  const statement = await deps.gateway.statement(date);
  if (!statement.ok) return fail('DEPENDENCY_UNAVAILABLE', { detail: `gateway: ${statement.detail}`, retry_after_ms: 5000 });
  const [payments, refunds] = await Promise.all([deps.payments.ofDay(from_ms, from_ms + DAY_MS), deps.refunds.ofDay(from_ms, from_ms + DAY_MS)]);
  const differences = [
    ...(await tradeDifferences(deps, statement.value.trades, payments)),
    ...refundDifferences(statement.value.refunds, refunds),
  ].slice(0, MAX_DIFFERENCES);
  return ok({ payments: payments.length, refunds: refunds.length, differences });
}

async function tradeDifferences(deps: { payments: PaymentStore; gateway: Gateway }, trades: readonly { trade_id: string; amount_fen: number }[], paid: readonly Payment[]): Promise<StatementDifference[]> {
  const ours = new Map(paid.map((payment) => [String(payment.payment_id), payment]));
  const found: StatementDifference[] = [];
  for (const trade of trades) {
    const known = ours.get(trade.trade_id);
    ours.delete(trade.trade_id);
    if (known !== undefined && known.amount_fen === trade.amount_fen) continue;
    if (known !== undefined) found.push(difference('AMOUNT', trade.trade_id, '', known.amount_fen, trade.amount_fen, false, 'the gateway took another amount'));
    else found.push(await takeUntold(deps, trade));
  }
  for (const payment of ours.values()) found.push(difference('MISSING_AT_GATEWAY', String(payment.payment_id), '', payment.amount_fen, undefined, false, 'paid here, not in the statement'));
  return found;
}

/** Money that the gateway has and we do not know of: asking for the trade repairs it as a callback would have. */
async function takeUntold({ payments, gateway }: { payments: PaymentStore; gateway: Gateway }, trade: { trade_id: string; amount_fen: number }): Promise<StatementDifference> {
  const id = /^\d{1,19}$/.test(trade.trade_id) ? BigInt(trade.trade_id) : undefined;
  const payment = id === undefined ? undefined : await payments.find(id);
  if (payment === undefined) return difference('MISSING_HERE', trade.trade_id, '', undefined, trade.amount_fen, false, 'the gateway names a payment that we never made');
  const answer = await gateway.find(payment.payment_id);
  const applied = answer.ok ? await payments.applyReport(answer.value) : undefined;
  const repaired = applied?.ok === true && applied.value.state === 'SUCCEEDED';
  return difference('STATE', trade.trade_id, '', payment.amount_fen, trade.amount_fen, repaired, 'paid at the gateway, not yet here');
}

function refundDifferences(theirs: readonly { refund_id: string; trade_id: string; amount_fen: number }[], refunds: readonly Refund[]): StatementDifference[] {
  const ours = new Map(refunds.map((refund) => [refund.refund_id, refund]));
  const found: StatementDifference[] = [];
  for (const { refund_id, trade_id, amount_fen } of theirs) {
    const known = ours.get(refund_id);
    ours.delete(refund_id);
    if (known === undefined) found.push(difference('MISSING_HERE', trade_id, refund_id, undefined, amount_fen, false, 'the gateway names a refund that we never asked for'));
    else if (known.amount_fen !== amount_fen) found.push(difference('AMOUNT', trade_id, refund_id, known.amount_fen, amount_fen, false, 'the gateway returned another amount'));
  }
  for (const refund of ours.values()) {
    if (refund.state === 'SUCCEEDED') found.push(difference('MISSING_AT_GATEWAY', String(refund.payment_id), refund.refund_id, refund.amount_fen, undefined, false, 'returned here, not in the statement'));
  }
  return found;
}

function difference(kind: StatementDifference['kind'], payment_id: string, refund_id: string, ours_fen: number | undefined, gateway_fen: number | undefined, repaired: boolean, explanation: string): StatementDifference {
  return { kind, payment_id, refund_id, ours_fen, gateway_fen, repaired, explanation };
}
