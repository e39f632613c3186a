/** PaymentStore in memory. */
import { toHex } from '#kit/base/bytes.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import type { AppliedReport, PaymentStore, Settled, Settlement } from '../../../services/payment/app/ports.ts';
import { isUnwanted, judgeReport, type Payment, type TradeReport } from '../../../services/payment/domain/payment.ts';
import { unwantedRefundId, type Refund } from '../../../services/payment/domain/refund.ts';
import { frozen } from './frozen.ts';
import type { PaymentDb } from './payment_db.ts';
import { insertRefund } from './payment_refund_store.ts';

const MAX_PAYMENTS_OF_ORDER = 50;
const FIRST_SWEEP_MS = 5000;
const ASK_AFTER_MS = 15_000;
const SETTLE_WITHIN_MS = 30_000;

export type PaymentStoreOptions = { now_ms(): number; nextId(gene: number): bigint };

export function memoryPaymentStore(db: PaymentDb, { now_ms, nextId }: PaymentStoreOptions): PaymentStore {
  const must = (payment_id: bigint): Payment => {
    const payment = db.payments.get(payment_id);
    if (payment === undefined) throw new Error(`payment ${payment_id} is not there`);
    return payment;
  };
  const ofOrder = (order_id: bigint): Payment[] => [...db.payments.values()].filter((payment) => payment.order_id === order_id).toSorted(byId);
  return {
    async create(wanted, actor) {
      const key = { account_id: String(wanted.account_id), request_id: actor.request_id, method: actor.method, body_hash: actor.body_hash, now_ms: now_ms() };
      const made = db.requests.once(key, () => {
        if (ofOrder(wanted.order_id).length >= MAX_PAYMENTS_OF_ORDER) return fail('ORDER_NOT_PAYABLE', { detail: 'too many payments were opened' });
        const payment_id = nextId(geneOf(wanted.order_id));
        const blank = { state: 'CREATED' as const, refunded_fen: 0, pay_url: undefined, gateway_trade_no: undefined, version: 0n, settled: undefined, create_time_ms: now_ms(), pay_time_ms: undefined };
        put(db, { ...wanted, ...blank, payment_id }, now_ms() + FIRST_SWEEP_MS);
        return ok(payment_id);
      });
      return made.ok ? ok(must(made.value)) : made;
    },
    async find(payment_id) {
      return db.payments.get(payment_id);
    },
    async ofOrder(order_id) {
      return ofOrder(order_id).slice(0, MAX_PAYMENTS_OF_ORDER);
    },
    async ofOrders(order_ids) {
      return [...db.payments.values()].filter(({ order_id }) => order_ids.includes(order_id)).toSorted(byId);
    },
    async paidPage(from_ms, to_ms, after, limit) {
      return [...db.payments.values()].filter(({ payment_id, pay_time_ms }) => payment_id > after && pay_time_ms !== undefined && pay_time_ms >= from_ms && pay_time_ms < to_ms).toSorted(byId).slice(0, limit);
    },
    async ofDay(from_ms, to_ms) {
      return [...db.payments.values()].filter(({ pay_time_ms }) => pay_time_ms !== undefined && pay_time_ms >= from_ms && pay_time_ms < to_ms);
    },
    async markPending({ payment_id }, { pay_url, gateway_trade_no }) {
      const payment = must(payment_id);
      return payment.state === 'CREATED' ? put(db, { ...payment, state: 'PENDING', pay_url, gateway_trade_no }, now_ms() + ASK_AFTER_MS) : payment;
    },
    async applyReport(report, mark): Promise<Result<AppliedReport>> {
      const payment = db.payments.get(BigInt(report.trade_id));
      if (payment === undefined || (mark !== undefined && payment.payment_channel !== mark.payment_channel)) return fail('PAYMENT_NOT_FOUND');
      if (mark !== undefined && db.seen.has(seenKey(payment.payment_id, report.version, mark.body_hash))) return ok({ ...payment, effect: 'repeated' });
      const judged = judgeReport(payment, report);
      if (!judged.ok) return judged;
      if (mark !== undefined) {
        const nonce = `${mark.payment_channel}/${mark.nonce}`;
        if (db.nonces.has(nonce)) return fail('SIGNATURE_INVALID', { detail: 'the nonce was used before' });
        db.nonces.add(nonce);
        db.seen.add(seenKey(payment.payment_id, report.version, mark.body_hash));
      }
      if (judged.value === 'pay') return ok({ ...succeed(db, payment, report, now_ms()), effect: 'new' });
      return ok(judged.value === 'close' ? { ...close(db, payment, BigInt(report.version)), effect: 'new' } : { ...payment, effect: 'stale' });
    },
    async isKnownCallback(payment_id, version, body_hash) {
      return db.seen.has(seenKey(payment_id, version, body_hash));
    },
    async forceClose(payment_id) {
      const payment = must(payment_id);
      return payment.state === 'CREATED' || payment.state === 'PENDING' ? close(db, payment, payment.version) : payment;
    },
    settle: async (settlements) => settlements.map((settlement) => settleOne(db, settlement, now_ms())),
  };
}

function succeed(db: PaymentDb, payment: Payment, report: TradeReport, now_ms: number): Payment {
  const unwanted = isUnwanted(payment);
  const version = payment.version > BigInt(report.version) ? payment.version : BigInt(report.version);
  const settled = unwanted ? false : payment.settled;
  const next = put(db, { ...payment, state: 'SUCCEEDED', version, gateway_trade_no: report.gateway_trade_no, pay_time_ms: report.pay_time_ms ?? now_ms, settled }, unwanted ? undefined : now_ms + SETTLE_WITHIN_MS);
  db.tell('PaymentSucceeded', next);
  if (unwanted) refundUnwanted(db, next, 'paid after it was closed', now_ms);
  return next;
}

function settleOne(db: PaymentDb, { payment_id, accepted, reason }: Settlement, now_ms: number): Result<Settled> {
  const payment = db.payments.get(payment_id);
  if (payment === undefined) return fail('PAYMENT_NOT_FOUND');
  if (payment.state !== 'SUCCEEDED') return fail('PAYMENT_STATE_WRONG', { detail: 'nothing was paid' });
  if (payment.settled !== undefined && payment.settled !== accepted) return fail('CONFLICT', { detail: `the payment was ${payment.settled ? 'accepted' : 'refused'} before` });
  if (payment.settled === undefined) put(db, { ...payment, settled: accepted }, undefined);
  const refund = accepted ? undefined : refundUnwanted(db, payment, reason, now_ms);
  return ok({ payment: { ...payment, settled: accepted }, refund });
}

function close(db: PaymentDb, payment: Payment, version: bigint): Payment {
  const next = put(db, { ...payment, state: 'CLOSED', version }, undefined);
  db.closed_ms.set(payment.payment_id, db.now_ms());
  db.tell('PaymentClosed', next);
  return next;
}

function refundUnwanted(db: PaymentDb, payment: Payment, reason: string, now_ms: number): Refund | undefined {
  const amount_fen = payment.amount_fen - payment.refunded_fen;
  return insertRefund(db, { refund_id: unwantedRefundId(payment.payment_id), payment_id: payment.payment_id, amount_fen, reason }, now_ms);
}

function put(db: PaymentDb, payment: Payment, next_ms: number | undefined): Payment {
  db.payments.set(payment.payment_id, frozen(payment));
  db.payments_due.set(String(payment.payment_id), next_ms, 0);
  return payment;
}

function byId(left: Payment, right: Payment): number {
  return left.payment_id < right.payment_id ? -1 : 1;
}

function seenKey(payment_id: bigint, version: number, body_hash: Uint8Array): string {
  return `${payment_id}/${version}/${toHex(body_hash)}`;
}
