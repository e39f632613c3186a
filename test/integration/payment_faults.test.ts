// What payment promises while the gateway, its callbacks or we ourselves misbehave.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentState, RefundState } from '#gen/rail/payment/v1/payment_pb.ts';
import { discardDeadLetter, listDeadLetters, replayDeadLetter } from '#kit/bus/dlq.ts';
import { registry } from '#kit/telemetry/metrics.ts';
import { eventsOf, open, openPaid, payAtGateway, post, PRICE_FEN, reportOf, signedCallback, startPaymentWorld, until, untilRefund, untilRefundOfOrder, type PaymentWorld } from './payment_world.ts';

let stack: PaymentWorld;
test.before(async () => void (stack = await startPaymentWorld()));
test.after.always(() => stack?.stop());
test.afterEach.always(() => stack.gateway.faults.clear());

const fault = (path: string, kind: string, more: object = {}) => stack.gateway.faults.add({ path, kind, probability: 1, ...more });
const dueNow = (table: 'payment' | 'refund', id: string, set = '') => stack.db.query(`UPDATE ${table} SET ${set} next_action_time = UTC_TIMESTAMP(3) WHERE ${table}_id = ?`, [id]);
const refundOf = (paymentId: string, name: string, fen = 5n) => ({ refundId: `r-${paymentId}-${name}`, paymentId, amount: { amountFen: fen }, reason: 'test' });

async function letterOf(order_id: string) {
  for (let tries = 0; tries < 400; tries++) {
    const found = (await listDeadLetters(stack.bus, { stream: 'PAYMENT' }, { limit: 200 })).letters.find(({ key }) => key === order_id);
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`no dead letter of order ${order_id}`);
}

async function metric(name: string, ...labels: string[]): Promise<number> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

const callbacks = (outcome: string) => metric('payment_callbacks_total', `outcome="${outcome}"`);

for (const moment of ['before', 'after'] as const) {
  test.serial(`killed right ${moment} the commit of a callback: the same bytes come again and have one effect`, async (t) => {
    const { request, payment } = await open(stack);
    const callback = signedCallback(stack, reportOf(payment));
    const child = fork(new URL('payment_child.ts', import.meta.url), [stack.database_url, stack.dirs.signing_keys_dir, moment]);
    t.teardown(() => child.kill('SIGKILL'));
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    const ended = once(child, 'exit');
    await t.throwsAsync(() => post(`http://127.0.0.1:${port}`, callback), undefined, 'nothing was acknowledged');
    t.is((await ended)[1], 'SIGKILL');
    t.is(await eventsOf(stack, request.orderId, 'PaymentSucceeded'), moment === 'after' ? 1 : 0);
    t.is(await post(stack.callbacks, callback), 200);
    t.is((await until(stack, payment.paymentId, PaymentState.SUCCEEDED)).version, 2n);
    t.is(await eventsOf(stack, request.orderId, 'PaymentSucceeded'), 1);
  });
}

test.serial('the very same callback many times at once gets the same answer each time, and repeats are counted apart', async (t) => {
  const { request, payment } = await open(stack);
  const callback = signedCallback(stack, reportOf(payment));
  const before = { ok: await callbacks('ok'), repeated: await callbacks('repeated'), stale: await callbacks('stale') };
  const statuses = await Promise.all(Array.from({ length: 8 }, () => post(stack.callbacks, callback)));
  t.deepEqual(new Set(statuses), new Set([200]));
  t.is(await post(stack.callbacks, callback), 200);
  t.is(await post(stack.callbacks, signedCallback(stack, reportOf(payment, { version: 1 }))), 200, 'an older one is taken and changes nothing');
  t.is(await eventsOf(stack, request.orderId, 'PaymentSucceeded'), 1);
  t.is((await callbacks('ok')) - before.ok, 1);
  t.is((await callbacks('repeated')) - before.repeated, 8);
  t.is((await callbacks('stale')) - before.stale, 1);
});

test.serial('the second channel speaks SM2 with keys of its own, and neither key speaks for the other', async (t) => {
  const { payment } = await open(stack, 'wechat');
  t.is(payment.state, PaymentState.PENDING);
  t.is(await post(stack.callbacks, signedCallback(stack, reportOf(payment), { channel: 'wechat', key_of: 'alipay' })), 401);
  const other = await open(stack);
  t.is(await post(stack.callbacks, signedCallback(stack, reportOf(other.payment), { channel: 'alipay', key_of: 'wechat' })), 401);
  t.is(await post(stack.callbacks, signedCallback(stack, reportOf(payment), { channel: 'alipay' })), 404, 'a payment of one channel is none of the other');
  await payAtGateway(stack, payment.paymentId);
  await until(stack, payment.paymentId, PaymentState.SUCCEEDED);
  await stack.for_order.createRefund(refundOf(payment.paymentId, 'sm2'));
  await untilRefund(stack, `r-${payment.paymentId}-sm2`, RefundState.SUCCEEDED);
});

test.serial('whatever callbacks suffer on the way, the money is found and counts once', async (t) => {
  const path = '/callbacks/payment/v1/alipay';
  for (const kind of ['wrong_amount', 'wrong_currency', 'bad_signature', 'duplicate_callback', 'reorder', 'drop']) {
    stack.gateway.faults.clear();
    fault(path, kind, { times: 1, delay_ms: 100 });
    const { request, payment } = await openPaid(stack);
    await dueNow('payment', payment.paymentId);
    await until(stack, payment.paymentId, PaymentState.SUCCEEDED);
    t.is(await eventsOf(stack, request.orderId, 'PaymentSucceeded'), 1, kind);
  }
  const { payment } = await open(stack);
  t.is(await post(stack.callbacks, signedCallback(stack, reportOf(payment, { currency: 'USD' }))), 400);
  t.is((await until(stack, payment.paymentId, PaymentState.PENDING)).version, 0n);
});

test.serial('a refund is written down as told before it is told, and asked about before it is told again', async (t) => {
  const { payment } = await openPaid(stack);
  await until(stack, payment.paymentId, PaymentState.SUCCEEDED);
  const told = fault('/v1/refunds', 'delay', { delay_ms: 0 });
  fault('/v1/refunds', 'timeout_after_success', { times: 1, delay_ms: 1000 });
  const refund = refundOf(payment.paymentId, 'asked');
  await stack.for_order.createRefund(refund);
  // The gateway is silent: a process that dies now leaves what the next one needs to know.
  await untilRefund(stack, refund.refundId, RefundState.PROCESSING);
  await untilRefund(stack, refund.refundId, RefundState.SUCCEEDED);
  t.is(told.struck, 1);
  await dueNow('refund', refund.refundId, "state = 'PROCESSING', finished_at = NULL, attempts = 0,");
  await untilRefund(stack, refund.refundId, RefundState.SUCCEEDED);
  t.is(told.struck, 1, 'after a crash the gateway is asked, not told');
});

test.serial('after eight tries a refund is a dead letter with its reason, and what people replay goes on', async (t) => {
  const { request, payment } = await openPaid(stack);
  await until(stack, payment.paymentId, PaymentState.SUCCEEDED);
  fault('/v1/refunds*', 'fail');
  const refund = refundOf(payment.paymentId, 'letter');
  await stack.for_order.createRefund(refund);
  await stack.db.query('UPDATE refund SET attempts = 6, next_action_time = UTC_TIMESTAMP(3) WHERE refund_id = ?', [refund.refundId]);
  while ((await stack.for_order.getRefund({ refundId: refund.refundId })).refund!.attempts < 7) await new Promise((resolve) => setTimeout(resolve, 25));
  t.not((await stack.for_order.getRefund({ refundId: refund.refundId })).refund!.state, RefundState.MANUAL, 'the seventh is not the last');
  await dueNow('refund', refund.refundId);
  await untilRefund(stack, refund.refundId, RefundState.MANUAL);
  const letter = await letterOf(request.orderId);
  t.is(letter.tries, 8);
  t.regex(letter.reason, /status 500|breaker_open/);
  stack.gateway.faults.clear();
  t.true((await replayDeadLetter(stack.bus, letter.id)).ok);
  await untilRefund(stack, refund.refundId, RefundState.SUCCEEDED);
  t.is((await stack.client.getPayment({ paymentId: payment.paymentId }, stack.traveller)).payment!.refunded!.amountFen, 5n);
});

test.serial('a payment that the gateway does not answer for becomes a dead letter too, and is still looked for', async (t) => {
  const { request, payment } = await open(stack, 'wechat');
  fault('/sm2/v1/trades/*', 'fail');
  await dueNow('payment', payment.paymentId, 'attempts = 7,');
  const letter = await letterOf(request.orderId);
  t.true(letter.type.endsWith('PaymentNeedsPeople'));
  const [row] = await stack.db.query<{ next_action_time: Date | null }>('SELECT next_action_time FROM payment WHERE payment_id = ?', [payment.paymentId]);
  t.truthy(row!.next_action_time);
  stack.gateway.faults.clear();
  fault('/callbacks/payment/v1/wechat', 'drop', { times: 1 });
  await payAtGateway(stack, payment.paymentId);
  t.true((await replayDeadLetter(stack.bus, letter.id)).ok);
  await until(stack, payment.paymentId, PaymentState.SUCCEEDED);
  t.false((await discardDeadLetter(stack.bus, letter.id)).ok, 'a replayed letter is gone');
});

test.serial('what payments come to is counted by channel: the success rate can be watched', async (t) => {
  const count = (state: string) => metric('payments_total', 'payment_channel="wechat"', `state="${state}"`);
  const before = { succeeded: await count('succeeded'), closed: await count('closed') };
  const { payment } = await openPaid(stack, 'wechat');
  await until(stack, payment.paymentId, PaymentState.SUCCEEDED);
  const other = await open(stack, 'wechat');
  await stack.for_order.closePayments({ orderId: other.request.orderId });
  t.is((await count('succeeded')) - before.succeeded, 1);
  t.is((await count('closed')) - before.closed, 1);
});

test.serial('more than was paid never goes back, by the database itself', async (t) => {
  const { payment } = await openPaid(stack);
  await until(stack, payment.paymentId, PaymentState.SUCCEEDED);
  await t.throwsAsync(() => stack.db.query('UPDATE payment SET refunded_fen = amount_fen + 1 WHERE payment_id = ?', [payment.paymentId]));
  await t.throwsAsync(() => stack.db.query('UPDATE payment SET refunded_fen = -1 WHERE payment_id = ?', [payment.paymentId]));
});

test.serial('money that no order has settled is asked about: late and double money goes back by itself', async (t) => {
  const paid = async (state: OrderState, payment_of: (own: string) => string) => {
    const { request, payment } = await openPaid(stack);
    await until(stack, payment.paymentId, PaymentState.SUCCEEDED);
    stack.order_words.set(request.orderId, { state, payment_id: payment_of(payment.paymentId) });
    await dueNow('payment', payment.paymentId);
    return { order_id: request.orderId, payment_id: payment.paymentId };
  };
  const late = await paid(OrderState.CLOSED, () => '');
  t.is((await untilRefundOfOrder(stack, late.order_id)).amount!.amountFen, BigInt(PRICE_FEN));
  const double = await paid(OrderState.SUCCESS, () => '12345');
  t.is((await untilRefundOfOrder(stack, double.order_id)).refundId, `r-${double.payment_id}-unwanted`);
  const own = await paid(OrderState.SUCCESS, (payment_id) => payment_id);
  while (!(await stack.client.getPayment({ paymentId: own.payment_id }, stack.traveller)).payment!.settled) await new Promise((resolve) => setTimeout(resolve, 25));
  const waiting = await paid(OrderState.WAIT_PAY, () => '');
  for (;;) {
    const [row] = await stack.db.query<{ wait_s: number | bigint }>('SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), next_action_time) AS wait_s FROM payment WHERE payment_id = ?', [waiting.payment_id]);
    if (Number(row!.wait_s) > 0) break;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  for (const { order_id } of [own, waiting]) t.is((await stack.for_order.listPayments({ orderId: order_id })).refunds.length, 0);
});

test.serial('a channel whose circuit is open is passed over for new payments, and used again later', async (t) => {
  fault('/v1/trades*', 'fail');
  for (let tried = 0; tried < 6; tried++) t.is((await open(stack)).payment.state, PaymentState.CREATED);
  const routed = await open(stack, '');
  t.is(routed.payment.paymentChannel, 'wechat');
  t.is(routed.payment.state, PaymentState.PENDING);
  stack.gateway.faults.clear();
  for (;;) {
    const { payment } = await open(stack, '');
    if (payment.paymentChannel === 'alipay') break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  t.pass();
});
