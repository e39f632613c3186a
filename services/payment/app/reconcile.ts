import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { comparePayments, compareRefunds, type Difference, type DifferenceKind } from '../domain/statement.ts';
import type { Gateway, Payment, PaymentStore, Refund, RefundStore } from './ports.ts';

export type StatementDifference = {
  kind: DifferenceKind;
  payment_id: string;
  refund_id: string;
  order_id: string;
  ours_fen: number | undefined;
  gateway_fen: number | undefined;
  repaired: boolean;
  explanation: string;
  explanation_zh: string;
};

/** `differences` holds at most MAX_DIFFERENCES, those that are not repaired first; how many more there were is counted. */
export type Reconciliation = { payments: number; refunds: number; differences: StatementDifference[]; omitted: number };

export type ReconcileDeps = { payments: PaymentStore; refunds: RefundStore; gateway: Gateway };

const DAY_MS = 86_400_000;
const MAX_DIFFERENCES = 1000;

/** The day in Asia/Shanghai as instants; undefined for what is no day. */
export function dayOf(date: string): { from_ms: number; to_ms: number } | undefined {
  const from_ms = Date.parse(`${date}T00:00:00+08:00`);
  return /^\d{4}-\d{2}-\d{2}$/.test(date) && !Number.isNaN(from_ms) ? { from_ms, to_ms: from_ms + DAY_MS } : undefined;
}

/**
 * Compares a day of the gateway's statement with ours and names each difference. Repaired is what the gateway itself
 * confirms when asked and what no repetition can double: money it has is taken as a callback would have been, a refund it
 * made is ended, a refund it never heard of is told again under the same id. May be run again at any time.
 */
export async function reconcileStatement(deps: ReconcileDeps, date: string): Promise<Result<Reconciliation>> {
  const day = dayOf(date);
  if (day === undefined) return fieldInvalid('date', 'must be YYYY-MM-DD');
  const statement = await deps.gateway.statement(date);
  if (!statement.ok && statement.problem === 'unknown') return fail('STATEMENT_NOT_FOUND');
  if (!statement.ok) return fail('DEPENDENCY_UNAVAILABLE', { detail: `gateway: ${statement.detail}`, retry_after_ms: 5000 });
  const { trades, refunds: returned } = statement.value;
  const [payments, refunds] = await Promise.all([deps.payments.ofDay(day.from_ms, day.to_ms), deps.refunds.ofDay(day.from_ms, day.to_ms)]);
  const payments_of_day = new Map(payments.map((payment) => [String(payment.payment_id), payment]));
  const refunds_of_day = new Map(refunds.map((refund) => [refund.refund_id, refund]));
  const other_payments = await lookUp(trades.map(({ trade_id }) => trade_id), payments_of_day, (id) => (/^\d{1,19}$/.test(id) ? deps.payments.find(BigInt(id)) : Promise.resolve(undefined)));
  const other_refunds = await lookUp(returned.map(({ refund_id }) => refund_id), refunds_of_day, (id) => deps.refunds.find(id));

  const differences: StatementDifference[] = [];
  for (const found of comparePayments(trades, { of_day: payments_of_day, others: other_payments })) differences.push(await paymentDifference(deps, found));
  for (const found of compareRefunds(returned, { of_day: refunds_of_day, others: other_refunds })) differences.push(await refundDifference(deps, found));
  const shown = differences.toSorted((a, b) => Number(a.repaired) - Number(b.repaired)).slice(0, MAX_DIFFERENCES);
  return ok({ payments: payments.length, refunds: refunds.length, differences: shown, omitted: differences.length - shown.length });
}

async function lookUp<T>(ids: readonly string[], known: ReadonlyMap<string, T>, find: (id: string) => Promise<T | undefined>): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  for (const id of ids) {
    const one = known.has(id) ? undefined : await find(id);
    if (one !== undefined) found.set(id, one);
  }
  return found;
}

type Outcome = [repaired: boolean, explanation: string, explanation_zh: string];

async function paymentDifference(deps: ReconcileDeps, found: Difference<Payment>): Promise<StatementDifference> {
  const order_id = found.ours === undefined ? '' : String(found.ours.order_id);
  return named(found, { payment_id: found.id, refund_id: '', order_id }, await judgePayment(deps, found));
}

async function judgePayment({ payments, gateway }: ReconcileDeps, { kind, ours }: Difference<Payment>): Promise<Outcome> {
  if (kind === 'STATE') {
    const answer = await gateway.find(ours!);
    const applied = answer.ok ? await payments.applyReport(answer.value) : undefined;
    const repaired = applied?.ok === true && applied.value.state === 'SUCCEEDED';
    return [repaired, 'paid at the gateway, not yet here', '网关已收款，我方尚未入账'];
  }
  if (kind === 'MISSING_AT_GATEWAY') {
    const answer = await gateway.find(ours!);
    if (answer.ok && answer.value.state === 'PAID') return [false, 'paid here and at the gateway, but the statement lacks it', '双方均已收款，对账单缺此笔'];
    return [false, 'paid here; the gateway does not confirm it', '我方已入账，网关不予确认'];
  }
  return plain(kind, 'payment');
}

async function refundDifference(deps: ReconcileDeps, found: Difference<Refund>): Promise<StatementDifference> {
  const names = { payment_id: found.ours === undefined ? '' : String(found.ours.payment_id), refund_id: found.id, order_id: found.ours === undefined ? '' : String(found.ours.order_id) };
  return named(found, names, await judgeRefund(deps, found));
}

async function judgeRefund({ refunds, gateway }: ReconcileDeps, { kind, ours }: Difference<Refund>): Promise<Outcome> {
  if (kind === 'STATE') {
    const answer = await gateway.findRefund(ours!);
    const repaired = answer.ok && answer.value.state === 'SUCCEEDED' && (await refunds.succeed(ours!.refund_id)).state === 'SUCCEEDED';
    return [repaired, 'returned by the gateway, not yet ended here', '网关已退款，我方尚未完结'];
  }
  if (kind === 'MISSING_AT_GATEWAY') {
    const answer = await gateway.findRefund(ours!);
    if (answer.ok) return [false, 'returned here and at the gateway, but the statement lacks it', '双方均已退款，对账单缺此笔'];
    // It was never told, whatever our record says: the same id can not return the money twice.
    const repaired = answer.problem === 'unknown' && (await gateway.refund(ours!)).ok;
    return [repaired, 'returned here; the gateway never heard of it and was told again', '我方记为已退款，网关无此笔；已按原单号重新提交'];
  }
  return plain(kind, 'refund');
}

const PLAIN: Record<Exclude<DifferenceKind, 'STATE' | 'MISSING_AT_GATEWAY'>, [en: string, zh: string]> = {
  MISSING_HERE: ['the gateway names one that we never made', '网关有此笔，我方从未发起'],
  DOUBLE_AT_GATEWAY: ['it stands in the statement more than once', '对账单中重复出现'],
  AMOUNT: ['the gateway has another amount', '金额与网关不一致'],
  DAY: ['both agree, but it ended here on another day', '双方一致，仅入账日期不同'],
  OTHER_PAYMENT: ['the gateway returned it from another payment', '网关将其退自另一笔支付'],
};

/** Nothing here can be repaired without people: either side may be wrong. */
function plain(kind: DifferenceKind, what: 'payment' | 'refund'): Outcome {
  if (kind === 'STATE' || kind === 'MISSING_AT_GATEWAY') throw new Error(`a ${what} that differs by ${kind} is judged by asking`);
  const [en, zh] = PLAIN[kind];
  return [false, `${what}: ${en}`, `${what === 'payment' ? '支付' : '退款'}：${zh}`];
}

function named({ kind, ours_fen, gateway_fen }: Difference<unknown>, names: { payment_id: string; refund_id: string; order_id: string }, [repaired, explanation, explanation_zh]: Outcome): StatementDifference {
  return { kind, ...names, ours_fen, gateway_fen, repaired, explanation, explanation_zh };
}
