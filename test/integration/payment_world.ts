/** The payment service on real stores, the sandbox gateway, and orders that say what the test wants. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { OrderService, OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentService, type PaymentState, type RefundState } from '#gen/rail/payment/v1/payment_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { openBus } from '#kit/bus/bus.ts';
import { loadSandboxKeys } from '#kit/external/keys.ts';
import { ensureKeys } from '#kit/external/make_keys.ts';
import { signPart } from '#kit/external/signature.ts';
import { createClient, type CallOptions } from '#kit/rpc/client.ts';
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
import { freePort } from '../../scripts/stack/ports.ts';
import { freshDatabase, freshNats } from '../support/stack.ts';
import { startTokens } from '../support/tokens.ts';

const caller_key = randomBytes(32);
export const id = (): string => uuid7(systemClock, systemRandom);
export const PRICE_FEN = 55_300;
let next_order = 1000n << 22n;

/** What an order says when it is asked; every one waits for payment and costs the same until told otherwise. */
export type OrderWord = { state: OrderState; payment_id: string };

function orders(words: ReadonlyMap<string, OrderWord>): Handlers<typeof OrderService> {
  const unused = (): never => {
    throw new Error('not asked for here');
  };
  const handlers = Object.fromEntries(OrderService.methods.map((method) => [method.localName, unused]));
  return {
    ...handlers,
    getOrder({ orderId }: { orderId: string }) {
      const { state, payment_id } = words.get(orderId) ?? { state: OrderState.WAIT_PAY, payment_id: '' };
      return { order: { orderId, accountId: '1', state, paymentId: payment_id, total: { amountFen: BigInt(PRICE_FEN), currency: 'CNY' }, payExpireTime: timestampFromMs(Date.now() + 600_000) } };
    },
  } as unknown as Handlers<typeof OrderService>;
}

export type PaymentWorld = Awaited<ReturnType<typeof startPaymentWorld>>;

export async function startPaymentWorld(environment: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-payment-'));
  const dirs = { signing_keys_dir: join(folder, 'ours'), sandbox_keys_dir: join(folder, 'theirs') };
  await ensureKeys(dirs);
  const [database, nats, tokens] = await Promise.all([freshDatabase(), freshNats(), startTokens()]);
  await migrate(database.url, migrations, { log: silentLog() });
  const gateway_port = await freePort();
  const http_port = await freePort(new Set([gateway_port]));
  const gateway = await startGateway(readConfig(gatewaySchema, { GATEWAY_HTTP_PORT: String(gateway_port), SANDBOX_KEYS_DIR: dirs.sandbox_keys_dir, SANDBOX_DATA_DIR: folder }));
  const order_words = new Map<string, OrderWord>();
  const order = await startServer({ service: 'order', implementations: [implement(OrderService, orders(order_words))], auth: { caller_keys: [caller_key] }, log: silentLog() });
  const payment = await start(
    readConfig(configSchema, {
      MYSQL_URL_PAYMENT: database.url, NATS_URL: nats.url, NATS_TOKEN: nats.token, JWKS_URL: tokens.jwks_url, CALLER_KEY: caller_key.toString('hex'),
      COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
      SIGNING_KEYS_DIR: dirs.signing_keys_dir, ORDER_ADDRESS: order.address, GATEWAY_URL: gateway.url, PUBLIC_URL: `http://127.0.0.1:${http_port}`, PAYMENT_HTTP_PORT: String(http_port),
      PAYMENT_SWEEP_MS: '50', ...environment,
    }),
  );
  const db = await openDatabase({ url: database.url, service: 'test', log: silentLog() });
  const bus = await openBus({ url: nats.url, token: nats.token, service: 'test', log: silentLog() });
  const traveller: CallOptions = { metadata: await tokens.headersFor({ account_id: '1' }) };
  const stranger: CallOptions = { metadata: await tokens.headersFor({ account_id: '2' }) };
  const client = createClient(PaymentService, { default_timeout_ms: 60_000, address: payment.address, service: 'web' });
  const for_order = createClient(PaymentService, { default_timeout_ms: 60_000, address: payment.address, service: 'order', caller_key });
  const for_aftersales = createClient(PaymentService, { default_timeout_ms: 60_000, address: payment.address, service: 'aftersales', caller_key });
  const for_ops = createClient(PaymentService, { default_timeout_ms: 60_000, address: payment.address, service: 'ops', caller_key });
  const stop = async (): Promise<void> => {
    for (const one of [client, for_order, for_aftersales, for_ops]) one.close();
    await payment.stop();
    await Promise.all([gateway.stop(), order.stop(), db.close(), bus.close(), tokens.stop()]);
    await Promise.all([database.stop(), nats.stop()]);
    rmSync(folder, { recursive: true, force: true });
  };
  const sandbox_keys = { alipay: await loadSandboxKeys(dirs.sandbox_keys_dir, 'gateway'), wechat: await loadSandboxKeys(dirs.sandbox_keys_dir, 'gateway', 'sm2') };
  return { client, for_order, for_aftersales, for_ops, traveller, stranger, gateway, db, bus, order_words, database_url: database.url, dirs, callbacks: `http://127.0.0.1:${http_port}`, sandbox_keys, stop };
}

/** Opens a payment of a new order, through `alipay` unless told otherwise. */
export async function open(stack: PaymentWorld, payment_channel = 'alipay') {
  next_order += 1n << 22n;
  const request = { requestId: id(), orderId: String(next_order), paymentChannel: payment_channel, returnPath: '/orders/1' };
  const { payment } = await stack.client.createPayment(request, stack.traveller);
  return { request, payment: payment! };
}

/** The same, and paid: as if at the cashier's page. */
export async function openPaid(stack: PaymentWorld, payment_channel = 'alipay') {
  const opened = await open(stack, payment_channel);
  await payAtGateway(stack, opened.payment.paymentId);
  return opened;
}

export async function payAtGateway(stack: PaymentWorld, payment_id: string): Promise<void> {
  await (await fetch(`${stack.gateway.url}/sandbox/trades/${payment_id}/pay`, { method: 'POST' })).arrayBuffer();
}

/** Waits until the payment is in the state, by asking as a page would. */
export async function until(stack: PaymentWorld, payment_id: string, state: PaymentState) {
  for (let tries = 0; tries < 400; tries++) {
    const { payment } = await stack.client.getPayment({ paymentId: payment_id }, stack.traveller);
    if (payment!.state === state) return payment!;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`payment ${payment_id} did not become state ${state}`);
}

export async function untilRefund(stack: PaymentWorld, refund_id: string, state: RefundState) {
  for (let tries = 0; tries < 400; tries++) {
    const { refund } = await stack.for_order.getRefund({ refundId: refund_id });
    if (refund!.state === state) return refund!;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`refund ${refund_id} did not become state ${state}`);
}

export async function untilRefundOfOrder(stack: PaymentWorld, order_id: string) {
  for (let tries = 0; tries < 400; tries++) {
    const { refunds } = await stack.for_order.listPayments({ orderId: order_id });
    if (refunds.length > 0) return refunds[0]!;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('no refund was made');
}

export async function eventsOf(stack: PaymentWorld, order_id: string, type: string): Promise<number> {
  return (await stack.db.query('SELECT 1 FROM outbox WHERE event_key = ? AND type = ?', [order_id, `rail.event.v1.${type}`])).length;
}

/** A callback as the company makes it, or as somebody else would. */
export function signedCallback(stack: PaymentWorld, body: object, more: { channel?: 'alipay' | 'wechat'; key_of?: 'alipay' | 'wechat'; age_ms?: number; nonce?: string | undefined } = {}) {
  const channel = more.channel ?? 'alipay';
  const path = `/callbacks/payment/v1/${channel}`;
  const bytes = Buffer.from(JSON.stringify(body));
  const headers = { ...signPart({ method: 'POST', path, body: bytes }, { key: stack.sandbox_keys[more.key_of ?? channel].sign_key, now_ms: Date.now() - (more.age_ms ?? 0), nonce: more.nonce }) };
  return { path, bytes, headers };
}

export async function post(base: string, { path, bytes, headers }: { path: string; bytes: Buffer<ArrayBuffer>; headers: Record<string, string> }): Promise<number> {
  const response = await fetch(`${base}${path}`, { method: 'POST', body: bytes, headers });
  await response.arrayBuffer();
  return response.status;
}

export const reportOf = (payment: { paymentId: string; gatewayTradeNo: string }, more: object = {}) => ({
  trade_id: payment.paymentId, gateway_trade_no: payment.gatewayTradeNo, state: 'PAID', version: 2, amount_fen: PRICE_FEN, currency: 'CNY', pay_time_ms: Date.now(), ...more,
});
