/** What every PaymentStore and RefundStore must do, whatever is behind them. */
import { randomInt, randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { required, type Result } from '#kit/base/result.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import type { Actor, CallbackMark, NewPayment, PaymentStore, RefundStore } from '../../../services/payment/app/ports.ts';
import type { Payment, TradeReport } from '../../../services/payment/domain/payment.ts';
import { hash } from './results.ts';

export type PaymentStores = { payments: PaymentStore; refunds: RefundStore };

type Open = (t: ExecutionContext) => Promise<PaymentStores>;

const PRICE_FEN = 5000;

export function paymentContract(name: string, open: Open): void {
  test(`${name}: a request opens one payment; of an order all are found`, async (t) => {
    const { payments } = await open(t);
    const [wanted, actor] = [newPayment(), actorOf()];
    const first = required(await payments.create(wanted, actor));
    t.is(first.state, 'CREATED');
    t.deepEqual(required(await payments.create(wanted, actor)).payment_id, first.payment_id);
    t.is(reasonOf(await payments.create(wanted, { ...actor, body_hash: hash('other') })), 'REQUEST_ID_REUSED');
    const second = required(await payments.create(wanted, actorOf()));
    t.not(second.payment_id, first.payment_id);
    t.deepEqual((await payments.ofOrder(wanted.order_id)).map(({ payment_id }) => payment_id).toSorted(), [first.payment_id, second.payment_id].toSorted());
    t.is(await payments.find(7n), undefined);
  });

  test(`${name}: money counts once, whatever order the reports come in`, async (t) => {
    const { payments } = await open(t);
    const payment = required(await payments.create(newPayment(), actorOf()));
    t.is((await payments.markPending(payment, { ...reportOf(payment), pay_url: 'https://pay' })).state, 'PENDING');
    t.is(reasonOf(await payments.applyReport(reportOf(payment, { amount_fen: PRICE_FEN - 1 }))), 'AMOUNT_INVALID');
    const paid = required(await payments.applyReport(reportOf(payment, { version: 3 })));
    t.deepEqual([paid.state, paid.version, paid.settled], ['SUCCEEDED', 3n, undefined]);
    t.is(required(await payments.applyReport(reportOf(payment, { state: 'CLOSED', version: 9 }))).state, 'SUCCEEDED');
    t.is((await payments.forceClose(payment.payment_id)).state, 'SUCCEEDED');
    t.is((await payments.markPending(payment, { ...reportOf(payment), pay_url: 'https://pay' })).state, 'SUCCEEDED');
    t.is((await payments.find(payment.payment_id))?.version, 3n);
  });

  test(`${name}: an older closing says nothing, a newer one closes`, async (t) => {
    const { payments } = await open(t);
    const payment = required(await payments.create(newPayment(), actorOf()));
    t.is(required(await payments.applyReport(reportOf(payment, { state: 'CLOSED', version: 2 }))).state, 'CLOSED');
    t.is(required(await payments.applyReport(reportOf(payment, { state: 'OPEN', version: 5 }))).state, 'CLOSED');
  });

  test(`${name}: a callback is remembered with its effect, and a nonce is used once`, async (t) => {
    const { payments } = await open(t);
    const payment = required(await payments.create(newPayment(), actorOf()));
    const mark = markOf('body');
    t.false(await payments.isKnownCallback(payment.payment_id, 2, mark.body_hash));
    t.is(reasonOf(await payments.applyReport(reportOf(payment, { amount_fen: 1 }), mark)), 'AMOUNT_INVALID');
    t.false(await payments.isKnownCallback(payment.payment_id, 2, mark.body_hash), 'what was refused left no mark');
    t.is(required(await payments.applyReport(reportOf(payment), mark)).state, 'SUCCEEDED');
    t.true(await payments.isKnownCallback(payment.payment_id, 2, mark.body_hash));
    t.true((await payments.applyReport(reportOf(payment), mark)).ok, 'the same bytes at the same time');
    t.is(reasonOf(await payments.applyReport(reportOf(payment), { ...mark, body_hash: hash('other') })), 'SIGNATURE_INVALID');
    t.true((await payments.applyReport(reportOf(payment), markOf('body'))).ok);
  });

  test(`${name}: money for a payment that was closed goes back in the same step`, async (t) => {
    const { payments, refunds } = await open(t);
    const payment = required(await payments.create(newPayment(), actorOf()));
    t.is((await payments.forceClose(payment.payment_id)).state, 'CLOSED');
    const paid = required(await payments.applyReport(reportOf(payment)));
    t.deepEqual([paid.state, paid.settled], ['SUCCEEDED', false]);
    const [refund] = await refunds.ofOrder(payment.order_id);
    t.deepEqual([refund?.amount_fen, refund?.state, (await payments.find(payment.payment_id))?.refunded_fen], [PRICE_FEN, 'DUE', PRICE_FEN]);
  });

  test(`${name}: the first settlement wins; money that is refused goes back once`, async (t) => {
    const { payments, refunds } = await open(t);
    const payment = required(await payments.create(newPayment(), actorOf()));
    const settle = async (accepted: boolean, payment_id = payment.payment_id) => (await payments.settle([{ payment_id, accepted, reason: accepted ? '' : 'PAID_TWICE' }], actorOf()))[0]!;
    t.is(reasonOf(await settle(true)), 'PAYMENT_STATE_WRONG');
    t.is(reasonOf(await settle(true, 7n)), 'PAYMENT_NOT_FOUND');
    required(await payments.applyReport(reportOf(payment)));
    t.is(required(await settle(false)).refund?.amount_fen, PRICE_FEN);
    t.is(required(await settle(false)).refund?.amount_fen ?? PRICE_FEN, PRICE_FEN);
    t.is(reasonOf(await settle(true)), 'CONFLICT');
    t.is((await refunds.ofOrder(payment.order_id)).length, 1);
  });

  test(`${name}: many are settled together, each by itself; one that stands twice has its first turn first`, async (t) => {
    const { payments, refunds } = await open(t);
    const [wanted, unwanted, open_still] = [required(await payments.create(newPayment(), actorOf())), required(await payments.create(newPayment(), actorOf())), required(await payments.create(newPayment(), actorOf()))];
    for (const payment of [wanted, unwanted]) required(await payments.applyReport(reportOf(payment)));
    const as = (payment_id: bigint, accepted: boolean) => ({ payment_id, accepted, reason: accepted ? '' : 'PAID_TWICE' });
    const outcomes = await payments.settle([as(unwanted.payment_id, false), as(7n, true), as(wanted.payment_id, true), as(open_still.payment_id, true), as(wanted.payment_id, false), as(wanted.payment_id, true)], actorOf());
    t.deepEqual(outcomes.map((outcome) => (outcome.ok ? outcome.value.payment.settled : outcome.error.reason)), [false, 'PAYMENT_NOT_FOUND', true, 'PAYMENT_STATE_WRONG', 'CONFLICT', true]);
    t.deepEqual([(await payments.find(wanted.payment_id))?.settled, (await payments.find(unwanted.payment_id))?.settled, (await payments.find(open_still.payment_id))?.settled], [true, false, undefined]);
    t.deepEqual([(await refunds.ofOrder(wanted.order_id)).length, (await refunds.ofOrder(unwanted.order_id)).length], [0, 1]);
  });

  test(`${name}: never more goes back than came, and each refund once`, async (t) => {
    const { payments, refunds } = await open(t);
    const payment = required(await payments.create(newPayment(), actorOf()));
    const wanted = { refund_id: `r-${randomUUID()}`, payment_id: payment.payment_id, amount_fen: 3000, reason: 'test' };
    t.is(reasonOf(await refunds.create(wanted, actorOf())), 'PAYMENT_STATE_WRONG');
    required(await payments.applyReport(reportOf(payment)));
    const made = required(await refunds.create(wanted, actorOf()));
    t.deepEqual(required(await refunds.create(wanted, actorOf())).refund_id, made.refund_id);
    t.is(reasonOf(await refunds.create({ ...wanted, amount_fen: 1 }, actorOf())), 'REQUEST_ID_REUSED');
    t.is(reasonOf(await refunds.create({ ...wanted, refund_id: `r-${randomUUID()}` }, actorOf())), 'REFUND_EXCEEDS_PAID');
    required(await refunds.create({ ...wanted, refund_id: `r-${randomUUID()}`, amount_fen: 2000 }, actorOf()));
    t.is((await payments.find(payment.payment_id))?.refunded_fen, PRICE_FEN);
    t.is(reasonOf(await refunds.create({ ...wanted, refund_id: `r-${randomUUID()}`, payment_id: 7n }, actorOf())), 'PAYMENT_NOT_FOUND');
  });

  test(`${name}: a refund ends once; people may still bring one to its end`, async (t) => {
    const { payments, refunds } = await open(t);
    const payment = required(await payments.create(newPayment(), actorOf()));
    required(await payments.applyReport(reportOf(payment)));
    const made = required(await refunds.create({ refund_id: `r-${randomUUID()}`, payment_id: payment.payment_id, amount_fen: 1000, reason: 'test' }, actorOf()));
    await refunds.markProcessing(made.refund_id);
    t.is((await refunds.find(made.refund_id))?.state, 'PROCESSING');
    t.is((await refunds.giveUp(made.refund_id, 'no answer')).state, 'MANUAL');
    await refunds.markProcessing(made.refund_id);
    t.is((await refunds.find(made.refund_id))?.state, 'MANUAL');
    t.is((await refunds.succeed(made.refund_id)).state, 'SUCCEEDED');
    t.is((await refunds.giveUp(made.refund_id, 'too late')).state, 'SUCCEEDED');
    const now_ms = Date.now();
    t.deepEqual((await refunds.ofDay(now_ms - 60_000, now_ms + 60_000)).map(({ refund_id }) => refund_id).filter((id) => id === made.refund_id), [made.refund_id]);
    t.is((await payments.ofDay(now_ms - 60_000, now_ms + 60_000)).filter(({ payment_id }) => payment_id === payment.payment_id).length, 1);
    t.is(await refunds.find('nobody'), undefined);
  });
}

function newPayment(): NewPayment {
  const order_id = BigInt(randomInt(2 ** 40, 2 ** 47));
  return { order_id, account_id: 7n, kind: 'PURCHASE', amount_fen: PRICE_FEN, payment_channel: 'alipay', change_id: '', return_path: '/', expire_time_ms: Date.now() + 60_000 };
}

function reportOf({ payment_id }: Payment, more: Partial<TradeReport> = {}): TradeReport {
  return { trade_id: String(payment_id), gateway_trade_no: 'g', state: 'PAID', version: 2, amount_fen: PRICE_FEN, currency: 'CNY', pay_time_ms: Date.now(), ...more };
}

function actorOf(): Actor {
  return { account_id: '7', service: 'payment', device_id: '', ip: '', request_id: uuid7(systemClock, systemRandom), method: 'CreatePayment', body_hash: hash('body') };
}

function markOf(body: string): CallbackMark {
  return { payment_channel: 'alipay', nonce: randomUUID(), body_hash: hash(body) };
}

function reasonOf(result: Result<unknown>): string {
  return result.ok ? '' : result.error.reason;
}
