// Order with its own stores and with peers over real gRPC.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { OrderService, QueueState, type Order, OrderState, type QueueStatus, type SubmitOrderRequestSchema } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentState } from '#gen/rail/payment/v1/payment_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { addDays, serviceDateAt, toCompactDate } from '#kit/base/time.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { openBus, type Bus } from '#kit/bus/bus.ts';
import { createClient, type CallOptions, type ServiceClient } from '#kit/rpc/client.ts';
import { startServer } from '#kit/rpc/server.ts';
import { accountClaims } from '#kit/rpc/token.ts';
import { readConfig } from '#kit/run/config.ts';
import { Lifecycle } from '#kit/run/lifecycle.ts';
import { openDatabase, type Database } from '#kit/store/mysql.ts';
import { openRedis, type RedisStore } from '#kit/store/redis.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import * as order from '../../services/order/main.ts';
import { freshDatabase, freshNats, freshRedis } from '../support/stack.ts';
import { FARE_FEN, peerImplementations, PeerWorld, publishSucceeded } from './order_peers.ts';

export const requestId = (): string => uuid7(systemClock, systemRandom);
export const TOMORROW = addDays(serviceDateAt(Date.now()), 1);
/** A run of tomorrow; every train name is a run of its own. */
export const runOf = (train: string, date = TOMORROW): string => `${train}.${toCompactDate(date)}`;

export type OrderWorld = {
  lifecycle: Lifecycle;
  peers: PeerWorld;
  client: ServiceClient<typeof OrderService>;
  as(service: string): ServiceClient<typeof OrderService>;
  db: Database;
  redis: RedisStore;
  bus: Bus;
  /** The header of an account's token. */
  bearer(account_id: string, roles?: string[]): Promise<CallOptions>;
  /** What a process of the service on these stores and peers needs. */
  env: Readonly<Record<string, string>>;
  stopService(): Promise<void>;
  /** Stops the service and starts it again, perhaps with other options. */
  restart(options?: order.StartOptions): Promise<void>;
  /** A second process of the service on the same stores. */
  another(): Promise<ServiceClient<typeof OrderService>>;
};

export async function openOrder(extra: Record<string, string> = {}, options: order.StartOptions = {}): Promise<OrderWorld> {
  const lifecycle = new Lifecycle();
  const [mysql, redis, nats] = await Promise.all([freshDatabase(), freshRedis(), freshNats()]);
  for (const server of [mysql, redis, nats]) lifecycle.onStop('server', server.stop);
  const caller_key = extra.CALLER_KEY === undefined ? randomBytes(32) : Buffer.from(extra.CALLER_KEY, 'hex');
  const peers = new PeerWorld();
  const log = silentLog();
  const server = lifecycle.add('peers', await startServer({ service: 'peers', implementations: peerImplementations(peers), auth: { caller_keys: [caller_key] }, log }));
  const jwt = await openJwt(lifecycle);
  const peer_names = ['QUERY', 'INVENTORY', 'IDENTITY', 'PAYMENT', 'TICKETING', 'RISK'];
  const env: Record<string, string> = {
    ...Object.fromEntries(peer_names.map((name) => [`${name}_ADDRESS`, server.address])),
    MYSQL_URL_ORDER: mysql.url,
    REDIS_URL: redis.url,
    NATS_URL: nats.url,
    NATS_TOKEN: nats.token,
    JWKS_URL: jwt.url,
    CALLER_KEY: caller_key.toString('hex'),
    COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }),
    BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
    ORDER_SWEEP_MS: '100',
    ORDER_QUEUE_LEASE_MS: '2000',
    ...extra,
  };
  const config = readConfig(order.configSchema, env);
  let running = await order.start(config, { log, ...options });
  lifecycle.onStop('order', () => running.stop());
  const port_env = () => readConfig(order.configSchema, { ...env, ORDER_PORT: String(running.port) });
  const db = await openDatabase({ url: mysql.url, log, service: 'test' });
  lifecycle.onStop('connection', () => db.close());
  const redis_store = await openRedis({ url: redis.url, log, service: 'test' });
  lifecycle.onStop('redis connection', () => redis_store.close());
  const bus = await openBus({ url: nats.url, token: nats.token, log, service: 'payment' });
  lifecycle.onStop('bus', () => bus.close());
  const clientOf = (service: string, key?: Uint8Array, address = running.address) => {
    const client = createClient(OrderService, { default_timeout_ms: 60_000, address, service, caller_key: key });
    lifecycle.onStop('client', () => client.close());
    return client;
  };
  return {
    lifecycle,
    peers,
    db,
    bus,
    redis: redis_store,
    env,
    stopService: async () => running.stop(),
    client: clientOf('test'),
    as: (service) => clientOf(service, caller_key),
    bearer: jwt.bearer,
    async another() {
      const second = lifecycle.add('another', await order.start(config, { log, ...options }));
      return clientOf('test', undefined, second.address);
    },
    async restart(again = {}) {
      await running.stop();
      running = await order.start(port_env(), { log, ...again });
    },
  };
}

async function openJwt(lifecycle: Lifecycle): Promise<{ url: string; bearer: OrderWorld['bearer'] }> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'test', alg: 'ES256', use: 'sig' };
  const server = createServer((_, response) => void response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] })));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  lifecycle.onStop('jwks', () => new Promise((resolve) => server.close(resolve)));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    async bearer(account_id, roles = ['traveller']) {
      const claims = accountClaims({ kind: 'account', account_id, tenant: 'rail', channel: 'web', device_id: 'device-1', session_id: 's1', roles, member_level: 0 });
      const token = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'test' }).setIssuer('chunyun').setAudience('chunyun').setIssuedAt().setExpirationTime('15m').sign(privateKey);
      return { metadata: { authorization: `Bearer ${token}` } };
    },
  };
}

let numbers = 7_000_000;
/** An id that no other account, passenger or payment of the test has. */
export const fresh = (): string => String((numbers += 1));

export type Wish = Extract<MessageInitShape<typeof SubmitOrderRequestSchema>, { $typeName?: never }>;

export function wish(run_id: string, passenger_ids: string[], more: Partial<Wish> = {}): Wish {
  return { requestId: requestId(), runId: run_id, fromStationId: 'bj', toStationId: 'sh', passengers: passenger_ids.map((passengerId) => ({ passengerId, seatClasses: [SeatClass.SECOND] })), ...more };
}

/** Waits for the outcome of a queue entry. */
export async function outcome({ client }: OrderWorld, token: string, auth: CallOptions): Promise<QueueStatus> {
  let last: QueueStatus | undefined;
  for await (const { status } of client.watchQueue({ queueToken: token }, { ...auth, timeout_ms: 60_000 })) last = status;
  return last!;
}

/** Submits and waits for the order. */
export async function buy(world: OrderWorld, auth: CallOptions, request: Wish): Promise<Order> {
  const { status } = await world.client.submitOrder(request, auth);
  const ended = await outcome(world, status!.queueToken, auth);
  if (ended.state !== QueueState.ORDERED) throw new Error(`not ordered but ${ended.state}: ${ended.reason}`);
  return (await world.client.getOrder({ orderId: ended.orderId }, auth)).order!;
}

/** Waits until an order has a state, by its stream. */
export async function untilState(world: OrderWorld, order_id: string, state: OrderState, auth: CallOptions): Promise<Order> {
  for await (const { order: seen } of world.client.watchOrder({ orderId: order_id }, { ...auth, timeout_ms: 60_000 })) if (seen?.state === state) return seen;
  throw new Error(`order ${order_id} never became ${state}`);
}

/** The gateway took the money. `tell`: payment's event arrives, too. */
export async function pay(world: OrderWorld, order: Order, { tell = true, amount_fen = order.total!.amountFen }: { tell?: boolean; amount_fen?: bigint } = {}): Promise<string> {
  const facts = { payment_id: fresh(), order_id: order.orderId, amount_fen, state: PaymentState.SUCCEEDED, returned: false };
  world.peers.payments.set(facts.payment_id, facts);
  if (tell) await publishSucceeded(world.bus, facts);
  return facts.payment_id;
}

/** The reason of the error table that a call was refused with. */
export async function reasonOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'OK';
  } catch (error) {
    return (error as { reason?: string }).reason ?? String(error);
  }
}

/** Waits for something to become true by looking; the test's own time limit ends it. */
export async function until<T>(look: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export { FARE_FEN };
