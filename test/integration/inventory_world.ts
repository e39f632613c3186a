// Inventory with its own stores, a timetable and orders that answer as a test says, over real gRPC.
import { randomBytes } from 'node:crypto';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { DescService, MessageInitShape } from '@bufbuild/protobuf';
import { HoldOwner, InventoryService, type Hold, type HoldSeatsRequestSchema } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { OrderService, OrderState, type RunItemSchema } from '#gen/rail/order/v1/order_pb.ts';
import { QueryService, type TrainRunSchema } from '#gen/rail/query/v1/query_pb.ts';
import { SeatService } from '#gen/rail/seat/v1/seat_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { FailureError } from '#kit/base/result.ts';
import { addDays, serviceDateAt, serviceTimeToEpoch_ms, toCompactDate } from '#kit/base/time.ts';
import { createClient, type ServiceClient } from '#kit/rpc/client.ts';
import { implement, type Handlers, type Implementation } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { readConfig } from '#kit/run/config.ts';
import { Lifecycle } from '#kit/run/lifecycle.ts';
import { openDatabase, type Database } from '#kit/store/mysql.ts';
import { openRedis, type RedisStore } from '#kit/store/redis.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import * as inventory from '../../services/inventory/main.ts';
import type { NumberedSeatClass } from '../../timetable/model.ts';
import { layoutId } from '../../timetable/seats.ts';
import { freshDatabase, freshNats, freshRedis } from '../support/stack.ts';
import { startTokens, TEST_AUDIENCE, TEST_ISSUER, type TokenServer } from '../support/tokens.ts';

export const SERVICE_DATE = addDays(serviceDateAt(Date.now()), 3);

export type TestRun = MessageInitShape<typeof TrainRunSchema>;
type HoldInit = MessageInitShape<typeof HoldSeatsRequestSchema>;

/** Stops `s0` … an hour apart; coaches as `[class, seats]`; class `second` where not said. */
export function testRun(train: string, { stops = 5, coaches = [[SeatClass.SECOND, 20]], standing = 0, date = SERVICE_DATE }: { stops?: number; coaches?: [SeatClass, number][]; standing?: number; date?: string } = {}): TestRun {
  const time = (stop: number, minutes: number) => timestampFromMs(serviceTimeToEpoch_ms(date, 8 * 3600 + stop * 3600 + minutes * 60));
  return {
    runId: `${train}.${toCompactDate(date)}`,
    trainId: train,
    trainNo: train,
    serviceDate: date,
    stops: Array.from({ length: stops }, (_, index) => ({
      index,
      station: { stationId: `s${index}` },
      arrivalTime: index === 0 ? undefined : time(index, 0),
      departureTime: index === stops - 1 ? undefined : time(index, 5),
    })),
    coaches: coaches.map(([seatClass, seatCount], index) => ({ coachNo: String(index + 1).padStart(2, '0'), seatClass, seatCount, layoutId: layoutId(CLASS_NAMES[seatClass] ?? 'second', seatCount) })),
    standingCapacity: standing,
    saleStartTime: timestampFromMs(Date.now() - 3_600_000),
    timetableVersion: 'test-1',
  };
}

const CLASS_NAMES: Partial<Record<SeatClass, NumberedSeatClass>> = {
  [SeatClass.BUSINESS]: 'business',
  [SeatClass.FIRST]: 'first',
  [SeatClass.SECOND]: 'second',
  [SeatClass.SOFT_SLEEPER]: 'soft_sleeper',
  [SeatClass.HARD_SLEEPER]: 'hard_sleeper',
};

export type InventoryWorld = {
  lifecycle: Lifecycle;
  client: ServiceClient<typeof InventoryService>;
  ops: ServiceClient<typeof InventoryService>;
  query: ServiceClient<typeof InventoryService>;
  aftersales: ServiceClient<typeof InventoryService>;
  seats: ServiceClient<typeof SeatService>;
  tokens: TokenServer;
  db: Database;
  redis: RedisStore;
  /** Runs the fake timetable has. */
  timetable: Map<string, TestRun>;
  /** What the fake query service tells of changed runs. */
  railway: RailwayBook;
  /** State of orders the fake order service has. */
  orders: Map<string, OrderState>;
  /** Their items; and how often the fake was asked for one order or for a list. */
  order_book: OrderBook;
  /** What a process of the service on these stores is started with. */
  env: Readonly<Record<string, string>>;
  address(): string;
  /** A client of the processes at some addresses. */
  clientOf(address: string | readonly string[]): ServiceClient<typeof InventoryService>;
  restart(): Promise<void>;
  /** Another process of the service on the same stores; a client of it. */
  another(): Promise<ServiceClient<typeof InventoryService>>;
  /** Puts a run into the timetable and opens it; its id. */
  open(run: TestRun): Promise<string>;
  hold(fields: HoldInit): Promise<Hold>;
};

/** `away`: the fake order service refuses to answer. */
export type OrderBook = { items: MessageInitShape<typeof RunItemSchema>[]; asked: number; listed: number; away: boolean };

/** Changed runs with their revisions, and that of the timetable. */
export type RailwayBook = { changes: { runId: string; revision: bigint }[]; timetable_revision: bigint };

export function orderBook(): OrderBook {
  return { items: [], asked: 0, listed: 0, away: false };
}

export async function openInventory(extra: Record<string, string> = {}): Promise<InventoryWorld> {
  const lifecycle = new Lifecycle();
  try {
    return await openIn(lifecycle, extra);
  } catch (error) {
    // Servers that keep running would keep the test from ending and its error from being shown.
    await lifecycle.stop();
    throw error;
  }
}

async function openIn(lifecycle: Lifecycle, extra: Record<string, string>): Promise<InventoryWorld> {
  // A test that brings its own Redis (a cluster, one behind a proxy) names it in REDIS_URL and ends it.
  const ownRedis = async () => (extra.REDIS_URL === undefined ? freshRedis() : { url: extra.REDIS_URL, stop: async () => {} });
  const [mysql, redis, nats, tokens] = await Promise.all([freshDatabase(), ownRedis(), freshNats(), startTokens()]);
  for (const server of [mysql, redis, nats, tokens]) lifecycle.onStop('server', () => server.stop());
  const caller_key = randomBytes(32);
  const log = silentLog();
  const [timetable, orders, order_book] = [new Map<string, TestRun>(), new Map<string, OrderState>(), orderBook()];
  const railway: RailwayBook = { changes: [], timetable_revision: 1n };
  const peers = lifecycle.add('peers', await startServer({ service: 'peers', implementations: peersOf(timetable, orders, order_book, railway), auth: { caller_keys: [caller_key] }, log }));
  const env: Record<string, string> = {
    MYSQL_URL_INVENTORY: mysql.url,
    REDIS_URL: redis.url,
    NATS_URL: nats.url,
    NATS_TOKEN: nats.token,
    JWKS_URL: tokens.jwks_url,
    JWT_ISSUER: TEST_ISSUER,
    JWT_AUDIENCE: TEST_AUDIENCE,
    CALLER_KEY: caller_key.toString('hex'),
    QUERY_ADDRESS: peers.address,
    ORDER_ADDRESS: peers.address,
    INVENTORY_BUCKETS: '4',
    INVENTORY_SWEEP_MS: '50',
    INVENTORY_SETTLE_MS: '100',
    INVENTORY_FOLLOW_MS: '50',
    ...extra,
  };
  let running = await inventory.start(readConfig(inventory.configSchema, env), { log });
  lifecycle.onStop('inventory', () => running.stop());
  const db = await openDatabase({ url: mysql.url, log, service: 'test' });
  lifecycle.onStop('connection', () => db.close());
  const store = await openRedis({ url: redis.url.split(','), log, service: 'test' });
  lifecycle.onStop('redis connection', () => store.close());
  const as = (service: string, address: string | readonly string[] = running.address) => {
    const client = createClient(InventoryService, { address, service, caller_key, default_timeout_ms: 20_000, max_receive_bytes: 16 << 20 });
    lifecycle.onStop('client', () => client.close());
    return client;
  };
  const [client, ops] = [as('order'), as('ops')];
  const seats = createClient(SeatService, { default_timeout_ms: 60_000, address: running.address, service: 'test' });
  lifecycle.onStop('client', () => seats.close());
  return {
    lifecycle, env, address: () => running.address, clientOf: (address) => as('order', address),
    client, ops, query: as('query'), aftersales: as('aftersales'), seats, tokens, db, redis: store, timetable, railway, orders, order_book,
    async restart() {
      await running.stop();
      running = await inventory.start(readConfig(inventory.configSchema, { ...env, INVENTORY_PORT: String(running.port) }), { log });
    },
    async another() {
      const other = await inventory.start(readConfig(inventory.configSchema, env), { log });
      lifecycle.onStop('another inventory', () => other.stop());
      return as('order', other.address);
    },
    async open(run) {
      timetable.set(run.runId!, run);
      await ops.openRuns({ serviceDate: run.serviceDate, runIds: [run.runId!] });
      return run.runId!;
    },
    async hold(fields) {
      return (await client.holdSeats({ fromStationId: 's0', toStationId: 's4', items: [second('1')], owner: HoldOwner.ORDER, ...fields })).hold!;
    },
  };
}

export function second(itemId: string): NonNullable<HoldInit['items']>[number] {
  return { itemId, seatClasses: [SeatClass.SECOND] };
}

/** A query service with these runs and an order service with these orders. */
export function peersOf(timetable: Map<string, TestRun>, orders: { get(order_id: string): OrderState | undefined }, book: OrderBook, railway: RailwayBook = { changes: [], timetable_revision: 0n }): Implementation[] {
  const query = {
    async *streamTrainRuns({ serviceDate, runIds, exceptRunIds, tellMissing }: { serviceDate: string; runIds: string[]; exceptRunIds: string[]; tellMissing: boolean }) {
      const wanted = [...timetable.values()].filter((run) => (serviceDate === '' || run.serviceDate === serviceDate) && (runIds.length === 0 || runIds.includes(run.runId!)));
      for (const run of wanted) if (!exceptRunIds.includes(run.runId!)) yield { run: { revision: railway.timetable_revision, ...run } };
      if (tellMissing) for (const runId of runIds) if (!timetable.has(runId)) yield { missingRunId: runId, revision: railway.timetable_revision };
    },
    listRunChanges: ({ afterRevision }: { afterRevision: bigint }) => ({ changes: railway.changes.filter(({ revision }) => revision > afterRevision), timetableRevision: railway.timetable_revision }),
  };
  const order = {
    getOrder({ orderId }: { orderId: string }) {
      book.asked += 1;
      if (book.away) throw new FailureError({ reason: 'DEPENDENCY_UNAVAILABLE' });
      const state = orders.get(orderId);
      if (state === undefined) throw new FailureError({ reason: 'ORDER_NOT_FOUND' });
      return { order: { orderId, state, items: [{ itemId: `${orderId}-1`, state }] } };
    },
    /** Two a page, so that every list has several. */
    listRunItems({ runIds, pageToken }: { runIds: string[]; pageToken: string }) {
      book.listed += 1;
      if (book.away) throw new FailureError({ reason: 'DEPENDENCY_UNAVAILABLE' });
      const [items, from] = [book.items.filter(({ runId }) => runIds.includes(runId!)), Number(pageToken)];
      // As it is now: a test may change it before it is sent.
      return { items: items.slice(from, from + 2).map((item) => ({ ...item })), nextPageToken: from + 2 < items.length ? String(from + 2) : '' };
    },
  };
  return [partly(QueryService, query), partly(OrderService, order)];
}

/** Handlers of the methods a test needs; the others refuse. */
function partly<S extends DescService>(service: S, handlers: object): Implementation {
  const refuse = () => {
    throw new FailureError({ reason: 'NOT_IMPLEMENTED' });
  };
  return implement(service, { ...Object.fromEntries(service.methods.map(({ localName }) => [localName, refuse])), ...handlers } as unknown as Handlers<S>);
}
