// Inventory: which seats of which run are taken on which segment. All wiring of the service.
import { randomUUID } from 'node:crypto';
import { auditService } from '#kit/audit/service.ts';
import { systemClock, type Clock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { openBus } from '#kit/bus/bus.ts';
import { startRelay } from '#kit/bus/relay.ts';
import { keepStreams } from '#kit/bus/streams.ts';
import { createClient } from '#kit/rpc/client.ts';
import { housekeepingService } from '#kit/housekeeping/service.ts';
import { startServer } from '#kit/rpc/server.ts';
import { readConfig } from '#kit/run/config.ts';
import { runMain, startAll, type Lifecycle, type Stoppable } from '#kit/run/lifecycle.ts';
import { repeat } from '#kit/run/loop.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase, type Database } from '#kit/store/mysql.ts';
import { openRedis } from '#kit/store/redis.ts';
import { startSweeper } from '#kit/store/sweeper.ts';
import { createLog, type Log } from '#kit/telemetry/log.ts';
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { Buckets } from './app/buckets.ts';
import { openChores } from './app/chores.ts';
import { followTimetable } from './app/follow_timetable.ts';
import { settleNotice } from './app/settle_notice.ts';
import { expireHold } from './app/expire_hold.ts';
import { forgetRuns } from './app/forget_runs.ts';
import { holdInOrder, holdSeats } from './app/hold_seats.ts';
import { holdTicks } from './app/hold_ticks.ts';
import { inventoryMetrics } from './app/metrics.ts';
import type { Parts } from './app/parts.ts';
import type { RunStore, TimetableSource } from './app/ports.ts';
import { RemainingFeed } from './app/remaining_feed.ts';
import { releaseQuotas } from './app/run_quotas.ts';
import { runTick } from './app/run_tick.ts';
import { createTurns } from './app/turns.ts';
import { remainingRelay } from './events/remaining_relay.ts';
import { runEvents } from './events/run_events.ts';
import { standbySignal } from './events/standby_signal.ts';
import { stockEvents } from './events/stock.ts';
import { inventoryService } from './rpc/inventory_service.ts';
import { orderClient } from './rpc/order_client.ts';
import { seatService } from './rpc/seat_service.ts';
import { timetableClient } from './rpc/timetable_client.ts';
import { openEpochs } from './store/epochs.ts';
import { openLedger } from './store/ledger/index.ts';
import { migrations } from './store/migrations.ts';
import { openFollowed, openNotices } from './store/run_differences.ts';
import { openRunStore } from './store/runs.ts';
import { openSeatStore } from './store/seats.ts';
import type { Config } from './wire/config.ts';
import { watchQuotaRules } from './wire/settings.ts';
import { configSchema } from './wire/config.ts';

export { configSchema } from './wire/config.ts';
export type { Config } from './wire/config.ts';

export type Running = Stoppable & { port: number; address: string; stop(): Promise<void> };
export type StartOptions = { clock?: Clock; log?: Log };

const SERVICE = 'inventory';
/** A frozen process must not hold rows for long (DESIGN §4 rule 6). */
const LOCK_WAIT_S = 1;
const CHECK_EVERY_MS = 1_000;
const PRUNE_EVERY_MS = 10_000;
const REDIS_TIMEOUT_MS = 2_000;
/** Every run on sale is looked at after another timetable became active. */
const REVIEW_MS = 300_000;

/** Starts the service on a database that it migrates itself. Serves once every bucket is open. */
export async function start(config: Config, { clock = systemClock, log = createLog({ service: SERVICE }) }: StartOptions = {}): Promise<Running> {
  const started = await startAll(async (lifecycle) => {
    await migrate(config.mysql_url_inventory, migrations, { log });
    const db = await openDatabase({ url: config.mysql_url_inventory, pool_size: config.inventory_mysql_pool, warm: config.inventory_mysql_warm, log, service: SERVICE, lock_wait_timeout_s: LOCK_WAIT_S, multiple_statements: true });
    lifecycle.onStop('database', () => db.close());
    const redis = await openRedis({ url: config.redis_url, log, service: SERVICE, command_timeout_ms: REDIS_TIMEOUT_MS });
    lifecycle.onStop('redis', () => redis.close());
    const nats = await openBus({ url: config.nats_url, token: config.nats_token, log, service: SERVICE });
    lifecycle.onStop('bus', () => nats.close());
    await keepStreams(nats, { replicas: config.nats_replicas, log });
    lifecycle.add('relay', startRelay({ db, nats, log, service: SERVICE }));

    const owner = randomUUID();
    const relay = remainingRelay({ bus: nats, sender: owner, log, clock });
    lifecycle.onStop('relay of states', () => relay.end());
    const { parts, feed } = await makeParts(config, { clock, log, db, owner, lifecycle, seats: await openSeatStore(redis.client), relay, onKept: standbySignal(nats, log) });
    lifecycle.add('relayed states', relay.listen({
      received: (state) => feed.received(state),
      lost: (buckets) => void feed.reread(buckets).catch((error: unknown) => log.error({ error, buckets }, 'buckets of other processes were not read again')),
    }));
    await parts.buckets.start({ beside: config.inventory_beside });

    const ticks = holdTicks(runTick(parts), parts.metrics);
    lifecycle.onStop('ticks', () => ticks.idle());
    const hold = holdSeats({ runs: parts.runs, ledger: parts.ledger, ticks, clock });
    const hold_in_order = holdInOrder({ runs: parts.runs, ticks, clock });
    const { orders, timetable } = connectPeers(config, lifecycle, log);
    startLoops(config, db, lifecycle, parts, orders);
    keepUpWithRailway(config, { db, lifecycle, parts, timetable, publish: runEvents(clock) });
    const inventory = inventoryService({ ...parts, orders, hold, hold_in_order, feed, timetable, settle_ms: config.inventory_settle_ms, bucket_count: config.inventory_buckets, quota_rules: watchQuotaRules(config, log, lifecycle) });
    const token = { jwks: new URL(config.jwks_url), issuer: config.jwt_issuer, audience: config.jwt_audience };
    const server = await startServer({ service: SERVICE, host: config.listen_host, port: config.inventory_port, implementations: [inventory, seatService(parts, hold), housekeepingService({ db, bus: nats }), auditService({ db })], auth: { caller_keys: config.caller_key, token }, log, clock, limits: { max_timeout_ms: 300_000 } });
    lifecycle.add('rpc', server);
    return { port: server.port, address: server.address };
  });
  return { ...started, stop: async () => started.stop() };
}

type RailwayWiring = { db: Database; lifecycle: Lifecycle; parts: Parts; timetable: TimetableSource; publish: Parameters<typeof openNotices>[1] };

/** Changes of running trains: taken over from query, then whatever follows for seats and orders. */
function keepUpWithRailway(config: Config, { db, lifecycle, parts, timetable, publish }: RailwayWiring): void {
  const notices = openNotices(db, publish);
  const handle = ({ run_id }: { run_id: string }) => settleNotice({ ...parts, notices, settle_ms: config.inventory_settle_ms }, run_id);
  const sweeper = lifecycle.add('run notices', startSweeper({ db, log: parts.log, service: SERVICE, name: 'run_notices', table: 'run_notice', key: ['run_id'], poll_ms: config.inventory_sweep_ms, handle }));
  const follow = () => followTimetable({ ...parts, timetable, followed: openFollowed(db), onChange: () => sweeper.nudge() });
  lifecycle.add('timetable', repeat({ name: 'follow_timetable', service: SERVICE, every_ms: config.inventory_follow_ms, jitter: 0.2, log: parts.log, run: follow, run_timeout_ms: REVIEW_MS }));
}

type Wiring = { clock: Clock; log: Log; db: Database; owner: string; lifecycle: Lifecycle; seats: Parts['seats']; relay: ReturnType<typeof remainingRelay>; onKept: Parts['onKept'] };

async function makeParts(config: Config, { clock, log, db, owner, lifecycle, seats, relay, onKept }: Wiring): Promise<{ parts: Parts; feed: RemainingFeed }> {
  // The store of runs makes events of openings, and events of holds need the layouts of runs.
  const layouts = (run_ids: readonly string[]) => runs.find(run_ids);
  const events = stockEvents({ clock, random: systemRandom, layouts });
  const runs: RunStore = openRunStore({ db, clock, random: systemRandom, onChanged: events.publishRuns });
  const ledger = openLedger({ db, clock, random: systemRandom, keep_ms: config.inventory_keep_ms, publish: events.publish });
  const metrics = inventoryMetrics(SERVICE);
  const onRebuilt = (bucket: number, epoch: number): void => {
    metrics.rebuilds.inc({});
    metrics.epoch.set({ bucket }, epoch);
    feed.bucketRebuilt(bucket).catch((error: unknown) => log.warn({ error, bucket }, 'watchers were not told of a rebuilt bucket'));
  };
  const buckets = new Buckets({ count: config.inventory_buckets, epochs: openEpochs({ db, owner, log, clock, random: systemRandom }), seats, runs, ledger, clock, log, onRebuilt });
  const feed = lifecycle.add('feed', new RemainingFeed({ buckets, seats, runs, metrics, log, clock, relay }));
  const chores = lifecycle.add('chores', openChores(log, metrics));
  return { feed, parts: { buckets, seats, ledger, runs, chores, metrics, log, clock, onChanged: (run_ids) => feed.changed(run_ids), onKept, keep_ms: config.inventory_keep_ms, turns: createTurns(), mending: new Set() } };
}

function connectPeers(config: Config, lifecycle: Lifecycle, log: Log) {
  const identity = { service: SERVICE, caller_key: config.caller_key[0] };
  const query = createClient(QueryService, { ...identity, address: config.query_address });
  const order = createClient(OrderService, { ...identity, address: config.order_address });
  lifecycle.onStop('peers', () => {
    query.close();
    order.close();
  });
  return { timetable: timetableClient(query), orders: orderClient(order, log) };
}

function startLoops(config: Config, db: Database, lifecycle: Lifecycle, parts: Parts, orders: ReturnType<typeof orderClient>): void {
  const handle = ({ hold_id }: { hold_id: string }) => expireHold(parts, orders, hold_id);
  lifecycle.add('expiry', startSweeper({ db, log: parts.log, service: SERVICE, name: 'holds', table: 'seat_hold', key: ['hold_id'], poll_ms: config.inventory_sweep_ms, handle }));
  lifecycle.add('watch over buckets', repeat({ name: 'check_buckets', service: SERVICE, every_ms: CHECK_EVERY_MS, log: parts.log, run: () => parts.buckets.check() }));
  lifecycle.add('quotas', startSweeper({ db, log: parts.log, service: SERVICE, name: 'quotas', table: 'run_quota', key: ['run_id'], poll_ms: config.inventory_sweep_ms, handle: ({ run_id }: { run_id: string }) => releaseQuotas(parts, run_id) }));
  lifecycle.add('changes of others', repeat({ name: 'refresh_runs', service: SERVICE, every_ms: CHECK_EVERY_MS, log: parts.log, run: () => parts.runs.refresh() }));
  const prune = async () => ((await parts.ledger.pruneSequences()) >= 10_000 ? ('again' as const) : undefined);
  lifecycle.add('forgetting', repeat({ name: 'forget_runs', service: SERVICE, every_ms: config.inventory_forget_ms, jitter: 0.2, log: parts.log, run: () => forgetRuns(parts) }));
  lifecycle.add('pruning', repeat({ name: 'prune_sequences', service: SERVICE, every_ms: PRUNE_EVERY_MS, log: parts.log, run: prune }));
}

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
