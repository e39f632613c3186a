import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { OrderService, OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentService, PaymentState, RefundState } from '#gen/rail/payment/v1/payment_pb.ts';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { loadSandboxKeys } from '#kit/external/keys.ts';
import { ensureKeys } from '#kit/external/make_keys.ts';
import { signPart } from '#kit/external/signature.ts';
import { createClient, type CallOptions } from '#kit/rpc/client.ts';
import type { RpcError } from '#kit/rpc/error.ts';
import type { Handlers } from '#kit/rpc/implement.ts';
import { implement } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { readConfig } from '#kit/run/config.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { configSchema as gatewaySchema, start as startGateway } from '../../sandbox/gateway/main.ts';
import { configSchema, start } from '../../services/payment/main.ts';
import { migrations } from '../../services/payment/store/migrations.ts';
import { pruneNonces } from '../../services/payment/store/payment_store.ts';
import { freshDatabase, freshNats } from '../support/stack.ts';
import { startTokens } from '../support/tokens.ts';

const caller_key = randomBytes(32);
const id = (): string => uuid7(systemClock, systemRandom);
const PRICE_FEN = 55_300;
let next_order = 1000n << 22n;

/** Orders of account 1; every one waits for payment and costs the same. */
function orders(): Handlers<typeof OrderService> {
  const unused = (): never => {
    throw new Error('not asked for here');
  };
  const handlers = Object.fromEntries(OrderService.methods.map((method) => [method.localName, unused]));
  return {
    ...handlers,
    getOrder: ({ orderId }: { orderId: string }) => ({
      order: { orderId, accountId: '1', state: OrderState.WAIT_PAY, total: { amountFen: BigInt(PRICE_FEN), currency: 'CNY' }, payExpireTime: timestampFromMs(Date.now() + 600_000) },
    }),
  } as unknown as Handlers<typeof OrderService>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function startAll() {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-payment-'));
  const dirs = { signing_keys_dir: join(folder, 'ours'), sandbox_keys_dir: join(folder, 'theirs') };
  await ensureKeys(dirs);
  const [database, nats, tokens] = await Promise.all([freshDatabase(), freshNats(), startTokens()]);
  await migrate(database.url, migrations, { log: silentLog() });
  const [gateway_port, http_port] = [await freePort(), await freePort()];
  const gateway = await startGateway(readConfig(gatewaySchema, { GATEWAY_HTTP_PORT: String(gateway_port), SANDBOX_KEYS_DIR: dirs.sandbox_keys_dir, SANDBOX_DATA_DIR: folder }));
  const order = await startServer({ service: 'order', implementations: [implement(OrderService, orders())], auth: { caller_keys: [caller_key] }, log: silentLog() });
  const payment = await start(
    readConfig(configSchema, {
      MYSQL_URL_PAYMENT: database.url, NATS_URL: nats.url, NATS_TOKEN: nats.token, JWKS_URL: tokens.jwks_url, CALLER_KEY: caller_key.toString('hex'),
      COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
      SIGNING_KEYS_DIR: dirs.signing_keys_dir, ORDER_ADDRESS: order.address, GATEWAY_URL: gateway.url, PUBLIC_URL: `http://127.0.0.1:${http_port}`, PAYMENT_HTTP_PORT: String(http_port),
      PAYMENT_SWEEP_MS: '50',
    }),
  );
  const db = await openDatabase({ url: database.url, service: 'test', log: silentLog() });
  const traveller: CallOptions = { metadata: await tokens.headersFor({ account_id: '1' }) };
  const stranger: CallOptions = { metadata: await tokens.headersFor({ account_id: '2' }) };
  const client = createClient(PaymentService, { default_timeout_ms: 60_000, address: payment.address, service: 'web' });
  const for_order = createClient(PaymentService, { default_timeout_ms: 60_000, address: payment.address, service: 'order', caller_key });
  const stop = async (): Promise<void> => {
    client.close();
    for_order.close();
    await payment.stop();
    await Promise.all([gateway.stop(), order.stop(), db.close(), tokens.stop()]);
    await Promise.all([database.stop(), nats.stop()]);
    rmSync(folder, { recursive: true, force: true });
  };
  const sandbox_keys = await loadSandboxKeys(dirs.sandbox_keys_dir, 'gateway');
  return { client, for_order, traveller, stranger, gateway, db, callbacks: `http://127.0.0.1:${http_port}`, sandbox_keys, stop };
}

let stack: Awaited<ReturnType<typeof startAll>>;
test.before(async () => void (stack = await startAll()));
test.after.always(() => stack?.stop());

const reason = (error: RpcError | undefined) => error?.reason;

async function open() {
  next_order += 1n << 22n;
  const request = { requestId: id(), orderId: String(next_order), paymentChannel: 'alipay', returnPath: '/orders/1' };
  const { payment } = await stack.client.createPayment(request, stack.traveller);
  return { request, payment: payment! };
}

/** Waits until the payment is in the state, by asking as a page would. */
async function until(payment_id: string, state: PaymentState) {
  for (let tries = 0; tries < 400; tries++) {
    const { payment } = await stack.client.getPayment({ paymentId: payment_id }, stack.traveller);
    if (payment!.state === state) return payment!;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`payment ${payment_id} did not become state ${state}`);
}

async function untilRefund(refund_id: string, state: RefundState) {
  for (let tries = 0; tries < 400; tries++) {
    const { refund } = await stack.for_order.getRefund({ refundId: refund_id });
    if (refund!.state === state) return refund!;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`refund ${refund_id} did not become state ${state}`);
}

const events = async (order_id: string, type: string): Promise<number> => (await stack.db.query('SELECT 1 FROM outbox WHERE event_key = ? AND type = ?', [order_id, `rail.event.v1.${type}`])).length;

async function sendCallback(body: object, more: { tamper?: boolean; age_ms?: number; nonce?: string } = {}): Promise<number> {
  const path = '/callbacks/payment/v1/alipay';
  const bytes = Buffer.from(JSON.stringify(body));
  const headers = signPart({ method: 'POST', path, body: bytes }, { key: stack.sandbox_keys.sign_key, now_ms: Date.now() - (more.age_ms ?? 0), nonce: more.nonce });
  const sent = more.tamper === true ? Buffer.from(JSON.stringify({ ...body, amount_fen: 1 })) : bytes;
  const response = await fetch(`${stack.callbacks}${path}`, { method: 'POST', body: sent, headers });
  await response.arrayBuffer();
  return response.status;
}

const report = (payment: { paymentId: string; gatewayTradeNo: string }, more: object = {}) => ({
  trade_id: payment.paymentId, gateway_trade_no: payment.gatewayTradeNo, state: 'PAID', version: 2, amount_fen: PRICE_FEN, currency: 'CNY', pay_time_ms: Date.now(), ...more,
});

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

async function untilRefundOfOrder(order_id: string) {
  for (let tries = 0; tries < 400; tries++) {
    const { refunds } = await stack.for_order.listPayments({ orderId: order_id });
    if (refunds.length > 0) return refunds[0]!;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('no refund was made');
}

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
