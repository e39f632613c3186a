// A day of the gateway's statement against payments and refunds: every difference is named, what is provably safe repaired.
import test from 'ava';
import { PaymentState, RefundState, type StatementDifference } from '#gen/rail/payment/v1/payment_pb.ts';
import type { RpcError } from '#kit/rpc/error.ts';
import { id, openPaid, PRICE_FEN, startPaymentWorld, until, untilRefund, type PaymentWorld } from './payment_world.ts';

let stack: PaymentWorld;
test.before(async () => void (stack = await startPaymentWorld()));
test.after.always(() => stack?.stop());

const today = (): string => new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10);
const spoil = (path_id: string, kind: string, times = 1) => stack.gateway.faults.add({ path: `/statements/${today()}/${path_id}`, kind, probability: 1, times });

async function paid(payment_channel = 'alipay') {
  const { payment } = await openPaid(stack, payment_channel);
  await until(stack, payment.paymentId, PaymentState.SUCCEEDED);
  return payment.paymentId;
}

async function returned(payment_id: string, name: string) {
  const refundId = `r-${payment_id}-${name}`;
  await stack.for_order.createRefund({ refundId, paymentId: payment_id, amount: { amountFen: 300n }, reason: 'test' });
  await untilRefund(stack, refundId, RefundState.SUCCEEDED);
  return refundId;
}

async function reconcile() {
  return stack.for_ops.reconcileStatement({ requestId: id(), date: today() });
}

const kindsOf = (differences: readonly StatementDifference[], name: string) => differences.filter(({ paymentId, refundId }) => [paymentId, refundId].includes(name)).map(({ kind, repaired }) => `${kind}${repaired ? ' repaired' : ''}`);

test.serial('a day that agrees has no differences, whatever channel the money came through', async (t) => {
  const [first, second] = [await paid(), await paid('wechat')];
  await returned(first, 'a');
  await returned(second, 'a');
  const { payments, refunds, differences } = await reconcile();
  t.deepEqual([payments, refunds, differences], [2, 2, []]);
});

test.serial('rows that are missing, double, of another amount or strange are named in both languages and never repaired', async (t) => {
  const [missing, double, wrong, strange] = [await paid(), await paid(), await paid('wechat'), await paid()];
  const [lost, twice] = [await returned(missing, 'lost'), await returned(double, 'twice')];
  spoil(missing, 'statement_missing', 2);
  spoil(double, 'statement_double', 2);
  spoil(wrong, 'statement_wrong_amount', 2);
  spoil(strange, 'statement_stranger', 2);
  spoil(lost, 'statement_missing', 2);
  spoil(twice, 'statement_double', 2);
  for (let run = 0; run < 2; run++) {
    const { differences } = await reconcile();
    t.deepEqual(kindsOf(differences, missing), ['MISSING_AT_GATEWAY', 'MISSING_AT_GATEWAY'], 'the payment, and its refund');
    t.deepEqual(kindsOf(differences, double), ['DOUBLE_AT_GATEWAY', 'DOUBLE_AT_GATEWAY'], 'the payment, and its refund');
    t.deepEqual(kindsOf(differences, wrong), ['AMOUNT']);
    t.deepEqual(kindsOf(differences, lost), ['MISSING_AT_GATEWAY']);
    t.deepEqual(kindsOf(differences, twice), ['DOUBLE_AT_GATEWAY']);
    t.deepEqual(kindsOf(differences, `9${strange}`.slice(0, 19)), ['MISSING_HERE']);
    t.is(differences.length, 6, `of run ${run}, nothing else and nothing twice`);
    t.true(differences.every(({ explanation, explanationZh }) => explanation !== '' && /[一-鿿]/.test(explanationZh)));
    const amount = differences.find(({ kind }) => kind === 'AMOUNT')!;
    t.deepEqual([amount.ours!.amountFen, amount.gateway!.amountFen], [BigInt(PRICE_FEN), BigInt(PRICE_FEN) + 1n]);
  }
  t.deepEqual((await reconcile()).differences, [], 'the statement is right again');
});

test.serial('money and refunds that only the gateway knows of are taken, and a refund it never heard of is told again, once', async (t) => {
  stack.gateway.faults.add({ path: '/callbacks/payment/v1/alipay', kind: 'delay', probability: 1, times: 1, delay_ms: 60_000 });
  const { payment } = await openPaid(stack);
  const untold = payment.paymentId;
  const ended = await paid();
  const refund = await returned(ended, 'ended');
  await stack.db.query(`UPDATE refund SET state = 'MANUAL', next_action_time = NULL WHERE refund_id = ?`, [refund]);
  const never = await paid();
  await stack.db.query('UPDATE payment SET refunded_fen = 700 WHERE payment_id = ?', [never]);
  await stack.db.query(
    `INSERT INTO refund (refund_id, payment_id, order_id, amount_fen, state, reason, created_at, finished_at) SELECT ?, payment_id, order_id, 700, 'SUCCEEDED', '', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) FROM payment WHERE payment_id = ?`,
    [`r-${never}-never`, never],
  );
  const { differences } = await reconcile();
  t.deepEqual(kindsOf(differences, untold), ['STATE repaired']);
  t.deepEqual(kindsOf(differences, refund), ['STATE repaired']);
  t.deepEqual(kindsOf(differences, `r-${never}-never`), ['MISSING_AT_GATEWAY repaired']);
  t.is(differences.length, 3);
  await until(stack, untold, PaymentState.SUCCEEDED);
  t.is((await untilRefund(stack, refund, RefundState.SUCCEEDED)).amount!.amountFen, 300n);
  t.deepEqual((await reconcile()).differences, [], 'run again, nothing is left and nothing was done twice');
});

test.serial("a day's paid orders come in pages, with all their money", async (t) => {
  const all = new Map<string, { payments: number; refunds: number }>();
  for (let page_token = '', first = true; first || page_token !== ''; first = false) {
    const page = await stack.for_ops.listPaidOrders({ date: today(), pageSize: 2, pageToken: page_token });
    t.true(page.orders.length <= 2);
    for (const { orderId, payments, refunds } of page.orders) all.set(orderId, { payments: payments.length, refunds: refunds.length });
    page_token = page.nextPageToken;
  }
  const [row] = await stack.db.query<{ orders: bigint | number; refunds: bigint | number }>(`SELECT COUNT(DISTINCT order_id) AS orders, (SELECT COUNT(*) FROM refund) AS refunds FROM payment WHERE state = 'SUCCEEDED'`);
  t.is(all.size, Number(row!.orders));
  t.is([...all.values()].reduce((sum, { refunds }) => sum + refunds, 0), Number(row!.refunds));
});

test.serial('a gateway that is away fails the run, and no other service may ask for it', async (t) => {
  stack.gateway.faults.add({ path: '/sm2/v1/statements*', kind: 'fail', probability: 1, times: 1 });
  t.is((await t.throwsAsync<RpcError>(() => reconcile()))?.reason, 'DEPENDENCY_UNAVAILABLE');
  t.is((await t.throwsAsync<RpcError>(() => stack.for_order.listPaidOrders({ date: today() })))?.reason, 'NOT_ALLOWED');
  t.is((await t.throwsAsync<RpcError>(() => stack.for_ops.reconcileStatement({ requestId: id(), date: '2026-1-1' })))?.reason, 'FIELD_INVALID');
});
