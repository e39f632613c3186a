// Settings as operators make them in risk and as order and payment use them, while all of them run.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import test, { type ExecutionContext } from 'ava';
import { ConfigService } from '#gen/rail/config/v1/config_pb.ts';
import { OrderService, OrderState, type Order } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentService } from '#gen/rail/payment/v1/payment_pb.ts';
import { fail, ok } from '#kit/base/result.ts';
import { ensureKeys } from '#kit/external/make_keys.ts';
import type { Call } from '#kit/rpc/call.ts';
import { createClient } from '#kit/rpc/client.ts';
import { unwrap } from '#kit/rpc/error.ts';
import { implement, type Handlers } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { readConfig } from '#kit/run/config.ts';
import { Lifecycle } from '#kit/run/lifecycle.ts';
import { watchSettings } from '#kit/settings/watch.ts';
import { migrate } from '#kit/store/migrate.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import type { Peers } from '../../services/order/app/peers.ts';
import { SETTINGS as ORDER_SETTINGS } from '../../services/order/wire/settings.ts';
import * as payment from '../../services/payment/main.ts';
import { migrations as paymentMigrations } from '../../services/payment/store/migrations.ts';
import { CONFIG_KEYS, isConfigKey } from '../../services/risk/app/config_keys.ts';
import * as risk from '../../services/risk/main.ts';
import { migrations } from '../../services/risk/store/migrations.ts';
import { freePorts } from '../support/edge.ts';
import { freshDatabase, freshNats, freshRedis } from '../support/stack.ts';
import { startTokens } from '../support/tokens.ts';
import { buy, fresh, openOrder, outcome, reasonOf, requestId, runOf, until, wish, type OrderWorld } from './order_world.ts';

const CALLER_KEY = randomBytes(32);
const MINUTE_MS = 60_000;

/** Risk at an address that stays the same while the process comes and goes. */
async function prepareRisk(lifecycle: Lifecycle) {
  const [database, redis, tokens] = await Promise.all([freshDatabase(), freshRedis(), startTokens()]);
  for (const part of [database, redis, tokens]) lifecycle.onStop('server', part.stop);
  await migrate(database.url, migrations, { log: silentLog() });
  const [risk_port] = await freePorts(1);
  const config = readConfig(risk.configSchema, {
    MYSQL_URL_RISK: database.url, REDIS_URL: redis.url, JWKS_URL: tokens.jwks_url, RISK_PORT: String(risk_port), RISK_REFRESH_MS: '50',
    CALLER_KEY: CALLER_KEY.toString('hex'), COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
  });
  let running: Awaited<ReturnType<typeof risk.start>> | undefined;
  const kill = async (): Promise<void> => {
    await running?.stop();
    running = undefined;
  };
  lifecycle.onStop('risk', kill);
  const address = `127.0.0.1:${risk_port}`;
  const client = createClient(ConfigService, { address, service: 'edge' });
  lifecycle.onStop('client', () => client.close());
  const operator = { metadata: await tokens.headersFor({ account_id: '900', roles: ['traveller', 'operator'] }) };
  const versionOf = async (key: string) => (await client.getConfig({ keys: [key] }, operator)).entries[0]!.version;
  return {
    address,
    jwks_url: tokens.jwks_url,
    headersFor: tokens.headersFor,
    kill,
    async start() {
      running = await risk.start(config);
      // Connections of this process remember for a moment that nobody was there.
      await until(() => versionOf('order.pay_window_ms').then(() => true, () => false));
    },
    async set(key: string, value: unknown, gray?: { percent?: number; cities?: string[]; channels?: string[]; accountIds?: string[]; value: unknown }) {
      const rule = gray === undefined ? undefined : { ...gray, valueJson: JSON.stringify(gray.value) };
      const { entry } = await client.setConfig({ requestId: requestId(), key, valueJson: JSON.stringify(value), baseVersion: await versionOf(key), gray: rule }, operator);
      return entry!.version;
    },
    rollBack: (key: string, version: bigint) => client.rollbackConfig({ requestId: requestId(), key, version }, operator),
  };
}

/** While it is closed, whoever left the queue waits for seats, and everybody else waits in the queue. */
class Gate {
  waiting = 0;
  #open = (): void => undefined;
  #opened: Promise<void> = Promise.resolve();

  close(): void {
    this.#opened = new Promise((resolve) => (this.#open = resolve));
  }

  open(): void {
    this.#open();
  }

  async pass(): Promise<void> {
    this.waiting += 1;
    await this.#opened;
    this.waiting -= 1;
  }
}

const lifecycle = new Lifecycle();
const gate = new Gate();
/** Only the settings come from the real risk, so that orders go on while it is down. */
const wrapPeers = (peers: Peers): Peers => ({
  ...peers,
  risk: { assess: async () => ok() },
  inventory: {
    ...peers.inventory,
    async holdMany(requests) {
      await gate.pass();
      return peers.inventory.holdMany(requests);
    },
  },
});
let config: Awaited<ReturnType<typeof prepareRisk>>;
let world: OrderWorld;

test.before(async () => {
  config = await prepareRisk(lifecycle);
  // Risk is not up yet: order starts all the same.
  world = await openOrder({ RISK_ADDRESS: config.address, CALLER_KEY: CALLER_KEY.toString('hex') }, { wrapPeers });
});
test.after.always(async () => {
  gate.open();
  await world?.lifecycle.stop();
  await lifecycle.stop();
});

const windowOf = (order: Order): number => Number(order.payExpireTime!.seconds - order.createTime!.seconds) * 1000 + (order.payExpireTime!.nanos - order.createTime!.nanos) / 1e6;

/** The real payment over orders that all cost the same and a gateway that is not there: rows are written, nothing is paid. */
async function startPayment(t: ExecutionContext) {
  const parts = new Lifecycle();
  t.teardown(() => parts.stop());
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-settings-'));
  parts.onStop('folder', () => rmSync(folder, { recursive: true, force: true }));
  const signing_keys_dir = join(folder, 'ours');
  await ensureKeys({ signing_keys_dir, sandbox_keys_dir: join(folder, 'theirs') });
  const [database, nats] = await Promise.all([freshDatabase(), freshNats()]);
  for (const part of [database, nats]) parts.onStop('server', part.stop);
  await migrate(database.url, paymentMigrations, { log: silentLog() });
  const missing = Object.fromEntries(OrderService.methods.map(({ localName }) => [localName, () => unwrap(fail('NOT_IMPLEMENTED'))]));
  const getOrder = ({ orderId }: { orderId: string }, call: Call) => ({
    order: { orderId, accountId: call.account!.account_id, state: OrderState.WAIT_PAY, total: { amountFen: 100n, currency: 'CNY' }, payExpireTime: timestampFromMs(Date.now() + 10 * MINUTE_MS) },
  });
  const orders = implement(OrderService, { ...missing, getOrder } as unknown as Handlers<typeof OrderService>);
  const order = parts.add('orders', await startServer({ service: 'order', implementations: [orders], auth: { caller_keys: [CALLER_KEY] }, log: silentLog() }));
  const [nowhere] = await freePorts(1);
  const service = parts.add('payment', await payment.start(readConfig(payment.configSchema, {
    MYSQL_URL_PAYMENT: database.url, NATS_URL: nats.url, NATS_TOKEN: nats.token, JWKS_URL: config.jwks_url, CALLER_KEY: CALLER_KEY.toString('hex'),
    COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
    SIGNING_KEYS_DIR: signing_keys_dir, ORDER_ADDRESS: order.address, RISK_ADDRESS: config.address, GATEWAY_URL: `http://127.0.0.1:${nowhere}`, PUBLIC_URL: 'http://127.0.0.1',
  })));
  const client = createClient(PaymentService, { address: service.address, service: 'web' });
  parts.onStop('client', () => client.close());
  const channelFor = async (account_id: string, paymentChannel = ''): Promise<string> => {
    const opened = await client.createPayment({ requestId: requestId(), orderId: fresh(), paymentChannel }, { metadata: await config.headersFor({ account_id }) });
    return opened.payment!.paymentChannel;
  };
  return { channelFor, refusal: (account_id: string, channel: string) => reasonOf(channelFor(account_id, channel)) };
}

let trains = 0;
/** The pay window that somebody's next order gets; everybody is somebody new unless named. */
async function nextWindow(account_id = fresh()): Promise<number> {
  trains += 1;
  return windowOf(await buy(world, await world.bearer(account_id), wish(runOf(`W${trains}`), [fresh()])));
}

test.serial('order starts without risk, hears of it when it comes, and follows what operators set and take back', async (t) => {
  t.is(await nextWindow(), 10 * MINUTE_MS, 'the usual while nobody was heard');
  await config.start();
  await config.set('order.pay_window_ms', 2 * MINUTE_MS);
  await until(async () => (await nextWindow()) === 2 * MINUTE_MS);
  const second = await config.set('order.pay_window_ms', 3 * MINUTE_MS);
  t.is(second, 2n);
  await until(async () => (await nextWindow()) === 3 * MINUTE_MS);
  await config.rollBack('order.pay_window_ms', 1n);
  await until(async () => (await nextWindow()) === 2 * MINUTE_MS);
});

test.serial('what was known stays while risk is dead, and what is new is heard when it is back', async (t) => {
  await config.kill();
  for (let index = 0; index < 3; index += 1) t.is(await nextWindow(), 2 * MINUTE_MS);
  await config.start();
  t.is(await nextWindow(), 2 * MINUTE_MS);
  await config.set('order.pay_window_ms', 5 * MINUTE_MS);
  await until(async () => (await nextWindow()) === 5 * MINUTE_MS);
});

test.serial('a gray value is for the accounts and channels that its rule names, and for no one else', async (t) => {
  const chosen = fresh();
  await config.set('order.pay_window_ms', 5 * MINUTE_MS, { accountIds: [chosen], value: 20 * MINUTE_MS });
  await until(async () => (await nextWindow(chosen)) === 20 * MINUTE_MS);
  t.is(await nextWindow(), 5 * MINUTE_MS);
  await config.set('order.pay_window_ms', 5 * MINUTE_MS, { channels: ['web'], value: 30 * MINUTE_MS });
  await until(async () => (await nextWindow()) === 30 * MINUTE_MS);
  await config.set('order.pay_window_ms', 5 * MINUTE_MS, { channels: ['mini'], value: 30 * MINUTE_MS });
  await until(async () => (await nextWindow()) === 5 * MINUTE_MS);
});

test.serial('a shorter queue refuses newcomers and keeps who waits in it', async (t) => {
  const run_id = runOf('FULL');
  const enter = async () => {
    const auth = await world.bearer(fresh());
    const { status } = await world.client.submitOrder(wish(run_id, [fresh()]), auth);
    return { token: status!.queueToken, auth };
  };
  gate.close();
  const people = [];
  // Places are held for one batch after the other; with the gate closed whoever comes behind the first stays in the queue.
  people.push(await enter());
  await until(() => gate.waiting === 1);
  people.push(await enter(), await enter());
  await config.set('queue.max_entries', 2);
  // A third one comes in until order has heard of it.
  const full = await until(async () => {
    const refused = await enter().then((person) => void people.push(person), (error: unknown) => error);
    return refused === undefined ? false : await reasonOf(Promise.reject(refused as Error));
  });
  t.is(full, 'QUEUE_FULL');
  t.true(people.length >= 3);
  await config.set('queue.max_entries', 50_000);
  await until(async () => await enter().then((person) => people.push(person) > 0, () => false));
  gate.open();
  const ends = await Promise.all(people.map(({ token, auth }) => outcome(world, token, auth)));
  t.true(ends.every((end) => end.orderId !== ''), 'nobody who was let in is sent away');
});

test.serial('the pace of a queue is what operators allow', async (t) => {
  const operator = await world.bearer(fresh(), ['operator']);
  const run_id = runOf('PACE');
  gate.close();
  const people = [];
  for (let batch = 1; batch <= 5; batch += 1) {
    const auth = await world.bearer(fresh());
    people.push({ auth, token: (await world.client.submitOrder(wish(run_id, [fresh()]), auth)).status!.queueToken });
    if (batch === 1) await until(() => gate.waiting === 1);
  }
  const pace = async () => (await world.client.listQueues({}, operator)).queues.find((queue) => queue.runId === run_id)?.drainPerS;
  t.is(await pace(), 20);
  await config.set('queue.drain_share_per_s', 0.005);
  await until(async () => (await pace()) === 5);
  await config.set('queue.max_drain_per_s', 3);
  await until(async () => (await pace()) === 3);
  gate.open();
  for (const { token, auth } of people) t.not((await outcome(world, token, auth)).orderId, '');
});

test.serial('protection mode slows every queue by the share that operators set, and gives the pace back', async (t) => {
  const operator = await world.bearer(fresh(), ['operator']);
  const run_id = runOf('SLOW');
  await config.set('queue.drain_share_per_s', 0.02);
  await config.set('queue.max_drain_per_s', 2000);
  gate.close();
  const people = [];
  for (let batch = 1; batch <= 5; batch += 1) {
    const auth = await world.bearer(fresh());
    people.push({ auth, token: (await world.client.submitOrder(wish(run_id, [fresh()]), auth)).status!.queueToken });
    if (batch <= 4) await until(() => gate.waiting >= batch);
  }
  const pace = async () => (await world.client.listQueues({}, operator)).queues.find((queue) => queue.runId === run_id)?.drainPerS;
  await until(async () => (await pace()) === 20);
  await config.set('protection.mode', 'on');
  await until(async () => (await pace()) === 10);
  await config.set('protection.queue_share', 0.2);
  await until(async () => (await pace()) === 4);
  await config.set('protection.mode', 'off');
  await until(async () => (await pace()) === 20);
  gate.open();
  for (const { token, auth } of people) t.not((await outcome(world, token, auth)).orderId, '');
});

test.serial('what the environment says wins over operators', async (t) => {
  const fixed = await openOrder({ RISK_ADDRESS: config.address, CALLER_KEY: CALLER_KEY.toString('hex'), ORDER_PAY_WINDOW_MS: '15000' }, { wrapPeers });
  t.teardown(() => fixed.lifecycle.stop());
  await config.set('order.pay_window_ms', 7 * MINUTE_MS);
  await until(async () => (await nextWindow()) === 7 * MINUTE_MS);
  const order = await buy(fixed, await fixed.bearer(fresh()), wish(runOf('FIXED'), [fresh()]));
  t.is(windowOf(order), 15_000);
});

test.serial('payment channels change without a restart, for a few accounts first', async (t) => {
  const { channelFor, refusal } = await startPayment(t);
  t.is(await channelFor('1'), 'alipay');
  await config.set('payment.channels', ['wechat', 'alipay'], { accountIds: ['2'], value: ['unionpay'] });
  await until(async () => (await channelFor('1')) === 'wechat');
  t.is(await channelFor('2'), 'unionpay');
  t.is(await channelFor('1', 'alipay'), 'alipay');
  t.is(await refusal('1', 'unionpay'), 'FIELD_INVALID');
  t.is(await refusal('2', 'alipay'), 'FIELD_INVALID');
  await config.rollBack('payment.channels', 0n);
  await until(async () => (await channelFor('2')) === 'alipay');
});

test.serial('a percent of accounts is the same few in every process, and fewer of them when it shrinks', async (t) => {
  const watch = () => {
    const settings = watchSettings({ address: config.address, caller_key: CALLER_KEY, service: 'payment', keys: payment.SETTINGS, log: silentLog() });
    t.teardown(() => settings.stop());
    return settings;
  };
  const [one, other] = [watch(), watch()];
  await config.set('payment.channels', ['alipay'], { percent: 20, value: ['unionpay'] });
  const accounts = Array.from({ length: 200 }, fresh);
  const chosen = (settings = one) => accounts.filter((account_id) => settings.get('payment.channels', { account_id })[0] === 'unionpay');
  await until(() => chosen().length > 0 && chosen(other).length > 0);
  const first = chosen();
  t.true(first.length > 10 && first.length < 90, `${first.length} of 200 at 20 %`);
  t.deepEqual(chosen(other), first);
  await config.set('payment.channels', ['wechat'], { percent: 5, value: ['unionpay'] });
  await until(() => one.get('payment.channels')[0] === 'wechat');
  t.true(chosen().length < first.length && chosen().every((account_id) => first.includes(account_id)));
});

test('what services can work with is what operators may set', (t) => {
  for (const [key, { shape, value }] of Object.entries({ ...ORDER_SETTINGS, ...payment.SETTINGS })) {
    if (!isConfigKey(key)) return t.fail(`${key} is not a setting`);
    t.deepEqual(value, CONFIG_KEYS[key].value as typeof value, key);
    for (const tried of [value, 0, 1, 0.5, 2000, 2001, 50_000, 50_001, 59_999, 60_000, 3_600_000, 3_600_001, -1, [], ['alipay'], ['A'], Array.from({ length: 9 }, () => 'ab')]) {
      t.is(shape.safeParse(tried).success, CONFIG_KEYS[key].shape.safeParse(tried).success, `${key}: ${JSON.stringify(tried)}`);
    }
  }
});
