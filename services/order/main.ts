// Order: the waiting queue, orders and their state machine. All wiring of the service.
import { createHash, randomUUID } from 'node:crypto';
import { auditService } from '#kit/audit/service.ts';
import { systemClock, type Clock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { systemTimers } from '#kit/base/timers.ts';
import { openBus, type Bus } from '#kit/bus/bus.ts';
import { startRelay } from '#kit/bus/relay.ts';
import { keepStreams } from '#kit/bus/streams.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { housekeepingService } from '#kit/housekeeping/service.ts';
import { startServer } from '#kit/rpc/server.ts';
import { readConfig } from '#kit/run/config.ts';
import { runMain, startAll, type Lifecycle, type Stoppable } from '#kit/run/lifecycle.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase, type Database } from '#kit/store/mysql.ts';
import { openRedis } from '#kit/store/redis.ts';
import { createLog, type Log } from '#kit/telemetry/log.ts';
import type { Actor } from './app/actor.ts';
import { OrderDriver } from './app/advance.ts';
import { Outlooks } from './app/outlooks.ts';
import { Paces } from './app/paces.ts';
import { Places } from './app/places.ts';
import type { Peers } from './app/peers.ts';
import type { OrderIndex, Ports } from './app/ports.ts';
import { QueueOwner, type OwnerPorts } from './app/queue_owner.ts';
import { holdLatencyOf, runEntered, runOverdue } from './app/signals.ts';
import { startOrderIndexEvents } from './events/order_index_events.ts';
import { startPaymentEvents } from './events/payment_events.ts';
import { startRunEvents } from './events/run_events.ts';
import { createQueueTokens } from './rpc/queue_token.ts';
import { createSearchTokens } from './rpc/search_token.ts';
import { orderService } from './rpc/service.ts';
import { createEntryStore } from './store/entry_store.ts';
import { openHeldOrders } from './store/held_orders.ts';
import { migrations } from './store/migrations.ts';
import { openOrderIndex } from './store/order_index.ts';
import type { AuditFacts } from './store/order_write.ts';
import { createOrderStore, orderStoreIn } from './store/order_store.ts';
import { archiveOrders, scanAll, withArchive } from './store/order_archive.ts';
import { createRedisQueue } from './store/redis_queue.ts';
import { createSharedSignals } from './store/redis_signals.ts';
import { createRunWords } from './store/run_changes.ts';
import { hearWord } from './store/run_words.ts';
import { configSchema, type Config } from './wire/config.ts';
import { leaseOrderIds } from './wire/ids.ts';
import { reportOrderLoad } from './wire/load.ts';
import { countRows, createMeters } from './wire/meters.ts';
import { connectPeers } from './wire/peers.ts';
import { keepQueues } from './wire/queues.ts';
import { watchOrderSettings } from './wire/settings.ts';
import { startSweepers } from './wire/sweepers.ts';
import { createWriteTools } from './wire/write_tools.ts';

export { configSchema } from './wire/config.ts';
export type { Config } from './wire/config.ts';

export type Running = Stoppable & { port: number; address: string; stop(): Promise<void> };
export type StartOptions = {
  clock?: Clock;
  log?: Log;
  /** Puts something between the service and its peers: for tests of crashes. */
  wrapPeers?: (peers: Peers) => Peers;
};

const SERVICE = 'order';
/** A Redis that hangs must not use up the time of a submission, which goes on without it. */
const REDIS_MS = 300;

/** Starts the service on a database that it migrates itself. */
export async function start(config: Config, { clock = systemClock, log = createLog({ service: SERVICE }), wrapPeers = (peers) => peers }: StartOptions = {}): Promise<Running> {
  const started = await startAll(async (lifecycle) => {
    await migrate(config.mysql_url_order, migrations, { log });
    const db = await openDatabase({ url: config.mysql_url_order, pool_size: config.order_mysql_pool, warm: config.order_mysql_warm, log, service: SERVICE, multiple_statements: true });
    lifecycle.onStop('database', () => db.close());
    const peers = wrapPeers(connectPeers(config, log, lifecycle));
    const keys = { keyring: createKeyring(config.column_keys), index: createBlindIndex(config.blind_index_key) };
    const tools = createWriteTools(keys, clock);
    const ports = await makePorts(config, { clock, log, db, lifecycle, peers, tools });
    countRows(ports.orders, log, lifecycle);
    reportOrderLoad(config, log, lifecycle);

    const driver = lifecycle.add('orders under way', new OrderDriver(ports));
    const paces = new Paces(ports);
    const places = new Places(ports);
    const outlooks = new Outlooks(ports);
    const queues = keepQueues(db, log, lifecycle, config.order_queue_lease_ms);
    const owner_ports: OwnerPorts = { ...ports, paces, outlooks, leaseOf: (bucket) => queues.leaseOf(bucket), advance: (order_id) => driver.wake(order_id), enterStandbys: () => sweepers.standbys.nudge() };
    const owner = new QueueOwner(owner_ports);
    queues.run(owner);
    lifecycle.onStop('wakes', hearSignals(ports, owner, paces));
    const sweepers = startSweepers(db, log, lifecycle, config, { driver, ports: owner_ports, words: createRunWords(db, tools) });

    const nats = await openBus({ url: config.nats_url, token: config.nats_token, log, service: SERVICE });
    lifecycle.onStop('bus', () => nats.close());
    await keepStreams(nats, { replicas: config.nats_replicas, log });
    lifecycle.add('relay', startRelay({ db, nats, log, service: SERVICE }));
    lifecycle.add('payment events', await startPaymentEvents({
      nats,
      db,
      log,
      service: SERVICE,
      ports,
      ordersIn: (tx, traceOf) => orderStoreIn(tx, tools, traceOf),
      onTaken: (order_id) => driver.wake(order_id),
      onRefused: () => sweepers.late_payments.nudge(),
    }));
    lifecycle.add('run events', await startRunEvents({ nats, db, log, service: SERVICE, hear: hearWord, onHeard: () => sweepers.run_words.nudge() }));

    const index = openIndex(config, lifecycle);
    const search = { ...ports, index, tokens: createSearchTokens(config.caller_key), scan: (from: Parameters<typeof scanAll>[1]) => scanAll(db, from), audit: (actor: Actor, facts: AuditFacts) => db.transaction((tx) => tools.audit(tx, [{ actor, ...facts }])) };
    await followIndex(index, { nats, db, log, ports, lifecycle });

    const token = { jwks: new URL(config.jwks_url), issuer: config.jwt_issuer, audience: config.jwt_audience };
    const implementations = [orderService({ ...ports, paces, places, outlooks, driver, search, held_orders: openHeldOrders(db, tools, ports.orders), archive: (limit) => archiveOrders(db, limit) }), housekeepingService({ db, bus: nats }), auditService({ db, keys })];
    const server = lifecycle.add('rpc', await startServer({ service: SERVICE, host: config.listen_host, port: config.order_port, implementations, auth: { caller_keys: config.caller_key, token }, log, clock }));
    return { port: server.port, address: server.address };
  });
  return { ...started, stop: async () => started.stop() };
}

type Parts = { clock: Clock; log: Log; db: Database; lifecycle: Lifecycle; peers: Peers; tools: ReturnType<typeof createWriteTools> };

async function makePorts(config: Config, { clock, log, db, lifecycle, peers, tools }: Parts): Promise<Ports> {
  const redis = await openRedis({ url: config.redis_url.split(','), command_timeout_ms: REDIS_MS, log, service: SERVICE });
  lifecycle.onStop('redis', () => redis.close());
  const signals = lifecycle.add('signals', await createSharedSignals(redis.client, randomUUID(), log));
  return {
    ...peers,
    entries: createEntryStore(db, tools),
    orders: withArchive(createOrderStore(db, tools), db),
    queue: await createRedisQueue(redis.client),
    tokens: createQueueTokens(config.caller_key),
    signals,
    meters: createMeters(),
    log,
    clock,
    timers: systemTimers,
    random: systemRandom,
    settings: watchOrderSettings(config, log, lifecycle),
    nextOrderId: await leaseOrderIds(db, clock, log, lifecycle),
    hash: (text) => createHash('sha256').update(text).digest(),
  };
}

function openIndex({ order_index_url: url, order_index_name: name }: Config, lifecycle: Lifecycle): OrderIndex | undefined {
  if (url === undefined) return undefined;
  const index = openOrderIndex({ url, name });
  lifecycle.onStop('search index', () => index.close());
  return index;
}

/** Makes the index where there is none; what was ordered before it comes with the job that fills it. It may be away for now. */
async function followIndex(index: OrderIndex | undefined, { nats, db, log, ports, lifecycle }: { nats: Bus; db: Database; log: Log; ports: Ports; lifecycle: Lifecycle }): Promise<void> {
  if (index === undefined) return;
  const prepare = async (): Promise<void> => {
    if (!(await index.ensure(ports.clock.now_ms()))) log.warn({ alert: true }, 'the search index is empty: run the job index-orders');
  };
  await prepare().catch((error: unknown) => log.warn({ error }, 'the search index is away'));
  lifecycle.add('order search', await startOrderIndexEvents({ nats, db, log, service: SERVICE, orders: ports.orders, index, prepare }));
}

/** A submission anywhere wakes the owner of its run, and so does an entry that was left in flight. */
function hearSignals(ports: Ports, owner: QueueOwner, paces: Paces): () => void {
  return ports.signals.onAny((key) => {
    const entered = runEntered(key);
    if (entered !== undefined) owner.wake(entered);
    const overdue = runOverdue(key);
    if (overdue !== undefined) owner.repeat(overdue);
    const latency = holdLatencyOf(key);
    if (latency !== undefined) paces.heard(latency);
  });
}

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
