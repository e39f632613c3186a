import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import test from 'ava';
import { PaymentKind, PaymentState, RefundState } from '#gen/rail/payment/v1/payment_pb.ts';
import type { RpcError } from '#kit/rpc/error.ts';
import { pruneNonces } from '../../services/payment/store/payment_store.ts';
import * as world from './payment_world.ts';
import { id, PRICE_FEN, reportOf as report } from './payment_world.ts';

let stack: world.PaymentWorld;
test.before(async () => void (stack = await world.startPaymentWorld()));
test.after.always(() => stack?.stop());

const reason = (error: RpcError | undefined) => error?.reason;
const open = () => world.open(stack);
const until = (payment_id: string, state: PaymentState) => world.until(stack, payment_id, state);
const untilRefund = (refund_id: string, state: RefundState) => world.untilRefund(stack, refund_id, state);
const untilRefundOfOrder = (order_id: string) => world.untilRefundOfOrder(stack, order_id);
const events = (order_id: string, type: string) => world.eventsOf(stack, order_id, type);

function sendCallback(body: object, more: { tamper?: boolean; age_ms?: number; nonce?: string } = {}): Promise<number> {
  const signed = world.signedCallback(stack, body, more);
  return world.post(stack.callbacks, more.tamper === true ? { ...signed, bytes: Buffer.from(JSON.stringify({ ...body, amount_fen: 1 })) } : signed);
}

test('a payment is opened, paid at the cashier, called back, and told once', async (t) => {
  const { request, payment } = await open();
  t.is(payment.state, PaymentState.PENDING);
  t.is(payment.amount!.amountFen, BigInt(PRICE_FEN));
  const page = await (await fetch(payment.payUrl)).text();
  t.true(page.includes('data-testid="cashier-pay"') && page.includes('¥553.00'));
  const paid = await fetch(`${payment.payUrl}/pay`, { method: 'POST', redirect: 'manual' });
  t.true(paid.headers.get('location')!.endsWith('/orders/1'));
  const succeeded = await until(payment.paymentId, PaymentState.SUCCEEDED);
  t.is(await events(request.orderId, 'PaymentSucceeded'), 1);
  const again = await stack.client.createPayment(request, stack.traveller);
  t.is(again.payment!.paymentId, succeeded.paymentId);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createPayment({ ...request, paymentChannel: 'wechat' }, stack.traveller))), 'REQUEST_ID_REUSED');
});

test('repeated, replayed, old, forged and wrong callbacks have one effect or none', async (t) => {
  const { request, payment } = await open();
  t.is(await sendCallback(report(payment), { tamper: true }), 401);
  t.is(await sendCallback(report(payment, { amount_fen: PRICE_FEN - 1 })), 400);
  t.is(await sendCallback(report(payment), { age_ms: 6 * 60_000 }), 401);
  t.is(await sendCallback(report(payment, { trade_id: '77' })), 404);
  t.is(await sendCallback({ hello: 1 }), 400);
  t.is((await until(payment.paymentId, PaymentState.PENDING)).version, 0n);
  const body = report(payment);
  const nonce = 'nonce-that-is-used-twice';
  const statuses = await Promise.all(Array.from({ length: 8 }, () => sendCallback(body)));
  t.deepEqual(new Set(statuses), new Set([200]));
  t.is(await sendCallback(report(payment, { version: 3 }), { nonce }), 200);
  t.is(await sendCallback(report(payment, { version: 4 }), { nonce }), 401);
  t.is(await sendCallback(body, { age_ms: 3_600_000 }), 200, 'a known one keeps its first answer whatever its age');
  t.is(await events(request.orderId, 'PaymentSucceeded'), 1);
});

test.serial('money is found by asking when no callback comes', async (t) => {
  const { payment } = await open();
  stack.gateway.faults.add({ path: '/callbacks/payment/v1/alipay', kind: 'drop', probability: 1, times: 1 });
  await fetch(`${payment.payUrl}/pay`, { method: 'POST', redirect: 'manual' });
  await stack.db.query('UPDATE payment SET next_action_time = UTC_TIMESTAMP(3) WHERE payment_id = ?', [payment.paymentId]);
  t.is((await until(payment.paymentId, PaymentState.SUCCEEDED)).gatewayTradeNo, payment.gatewayTradeNo);
});

test('the gateway decides what closing means, and money for a closed payment goes back by itself', async (t) => {
  const first = await open();
  const closed = await stack.for_order.closePayments({ orderId: first.request.orderId });
  t.true(closed.closed);
  t.is(await sendCallback(report(first.payment)), 200);
  const refund = await untilRefundOfOrder(first.request.orderId);
  t.is(refund.amount!.amountFen, BigInt(PRICE_FEN));

  const second = await open();
  await fetch(`${stack.gateway.url}/sandbox/trades/${second.payment.paymentId}/pay`, { method: 'POST' });
  const answer = await stack.for_order.closePayments({ orderId: second.request.orderId });
  t.false(answer.closed);
  t.is(answer.paid!.paymentId, second.payment.paymentId);
});

test('the difference of a change is opened by aftersales alone, and closed by its change alone', async (t) => {
  const { request, payment: purchase } = await open();
  const wanted = { requestId: id(), orderId: request.orderId, kind: PaymentKind.CHANGE_DIFFERENCE, changeId: '77', amount: { amountFen: 4000n }, expireTime: timestampFromMs(Date.now() + 600_000) };
  t.is((await t.throwsAsync<RpcError>(() => stack.client.createPayment(wanted, stack.traveller)))?.reason, 'NOT_ALLOWED');
  const { payment } = await stack.for_aftersales.createPayment(wanted);
  t.like(payment, { kind: PaymentKind.CHANGE_DIFFERENCE, changeId: '77', accountId: '1', state: PaymentState.PENDING, amount: { amountFen: 4000n } });
  t.is((await stack.for_aftersales.createPayment(wanted)).payment!.paymentId, payment!.paymentId);
  for (const [change, reason] of [[{ amount: { amountFen: 0n } }, 'AMOUNT_INVALID'], [{ changeId: '' }, 'CHANGE_NOT_FOUND'], [{ expireTime: undefined }, 'FIELD_INVALID']] as const) {
    t.is((await t.throwsAsync<RpcError>(() => stack.for_aftersales.createPayment({ ...wanted, ...change, requestId: id() } as never)))?.reason, reason);
  }
  const closed = await stack.for_aftersales.closePayments({ orderId: request.orderId, changeId: '77' });
  t.true(closed.closed);
  const stateOf = async (payment_id: string) => (await stack.for_order.getPayment({ paymentId: payment_id })).payment!.state;
  t.deepEqual([await stateOf(payment!.paymentId), await stateOf(purchase.paymentId)], [PaymentState.CLOSED, PaymentState.PENDING], 'the purchase can be paid as before');
  // Money that comes all the same goes back by itself.
  t.is(await sendCallback({ ...report(payment!), amount_fen: 4000 }), 200);
  t.is((await untilRefundOfOrder(request.orderId)).amount!.amountFen, 4000n);
  // One whose time is over is made, so that nobody else makes it, and never opened.
  const late = await stack.for_aftersales.createPayment({ ...wanted, requestId: id(), changeId: '78', expireTime: timestampFromMs(Date.now() - 1) });
  t.is(late.payment!.payUrl, '');
  t.true((await stack.for_aftersales.closePayments({ orderId: request.orderId, changeId: '78' })).closed);
});

test.serial('refunds are made once, never exceed what was paid, and survive a gateway that is away', async (t) => {
  const { request, payment } = await open();
  await fetch(`${payment.payUrl}/pay`, { method: 'POST', redirect: 'manual' });
  await until(payment.paymentId, PaymentState.SUCCEEDED);
  stack.gateway.faults.add({ path: '/v1/refunds', kind: 'timeout_after_success', probability: 1, times: 1, delay_ms: 200 });
  const refund = { refundId: `r-${payment.paymentId}-1`, paymentId: payment.paymentId, amount: { amountFen: 300n }, reason: 'test' };
  const all = await Promise.all(Array.from({ length: 5 }, () => stack.for_order.createRefund(refund)));
  t.is(new Set(all.map((answer) => answer.refund!.refundId)).size, 1);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.for_order.createRefund({ ...refund, amount: { amountFen: 301n } }))), 'REQUEST_ID_REUSED');
  const too_much = { ...refund, refundId: `${refund.refundId}-b`, amount: { amountFen: BigInt(PRICE_FEN) } };
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.for_order.createRefund(too_much))), 'REFUND_EXCEEDS_PAID');
  await untilRefund(refund.refundId, RefundState.SUCCEEDED);
  t.is(await events(request.orderId, 'RefundSucceeded'), 1);
  const { payments } = await stack.for_order.listPayments({ orderId: request.orderId });
  t.is(payments[0]!.refunded!.amountFen, 300n);
});

test.serial('a refused refund is given to people after one word of the gateway', async (t) => {
  const { payment } = await open();
  await fetch(`${payment.payUrl}/pay`, { method: 'POST', redirect: 'manual' });
  await until(payment.paymentId, PaymentState.SUCCEEDED);
  stack.gateway.faults.add({ path: '/v1/refunds', kind: 'refund_refused', probability: 1, times: 1 });
  await stack.for_order.createRefund({ refundId: `r-${payment.paymentId}-x`, paymentId: payment.paymentId, amount: { amountFen: 5n }, reason: 'test' });
  t.is((await untilRefund(`r-${payment.paymentId}-x`, RefundState.MANUAL)).finishTime === undefined, false);
});

test('nonces are forgotten after a day, what they did is not', async (t) => {
  const { payment } = await open();
  t.is(await sendCallback(report(payment)), 200);
  await stack.db.query("INSERT INTO callback_nonce (payment_channel, nonce, created_at) VALUES ('alipay', 'an-old-nonce', UTC_TIMESTAMP(3) - INTERVAL 25 HOUR)");
  t.is(await pruneNonces(stack.db), 1);
  t.is(await sendCallback(report(payment, { version: 9 }), { nonce: 'an-old-nonce' }), 200);
  t.is(await events(payment.orderId, 'PaymentSucceeded'), 1);
});

test('the first settlement wins', async (t) => {
  const { request, payment } = await open();
  await fetch(`${payment.payUrl}/pay`, { method: 'POST', redirect: 'manual' });
  await until(payment.paymentId, PaymentState.SUCCEEDED);
  await stack.for_order.settlePayment({ paymentId: payment.paymentId, orderId: request.orderId, accepted: true });
  await stack.for_order.settlePayment({ paymentId: payment.paymentId, orderId: request.orderId, accepted: true });
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.for_order.settlePayment({ paymentId: payment.paymentId, orderId: request.orderId, accepted: false }))), 'CONFLICT');
});

test("another account's payment is as good as none", async (t) => {
  const { request, payment } = await open();
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.getPayment({ paymentId: payment.paymentId }, stack.stranger))), 'PAYMENT_NOT_FOUND');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.listPayments({ orderId: request.orderId }, stack.stranger))), 'ORDER_NOT_FOUND');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createPayment({ ...request, requestId: id() }, stack.stranger))), 'ORDER_NOT_FOUND');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createPayment({ ...request, requestId: id(), returnPath: '//evil.example' }, stack.traveller))), 'FIELD_INVALID');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund({ refundId: 'r-1', paymentId: payment.paymentId, amount: { amountFen: 1n } }, stack.traveller))), 'NOT_ALLOWED');
});
