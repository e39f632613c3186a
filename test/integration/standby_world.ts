// Standby as a whole: aftersales, inventory and order with their own stores, over real gRPC and NATS; the rest of the world is played.
import { randomBytes } from 'node:crypto';
import type { DescService } from '@bufbuild/protobuf';
import { StandbyService, StandbyState, type Standby } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import { HoldOwner, InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { NotificationService } from '#gen/rail/notification/v1/notification_pb.ts';
import { OrderService, OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentKind, PaymentService, PaymentState, RefundState } from '#gen/rail/payment/v1/payment_pb.ts';
import { QueryService, SaleState } from '#gen/rail/query/v1/query_pb.ts';
import { Decision, RiskService } from '#gen/rail/risk/v1/risk_pb.ts';
import { IssueOutcome, TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { VerifyState } from '#gen/rail/identity/v1/identity_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { fail, FailureError } from '#kit/base/result.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { openBus, type Bus } from '#kit/bus/bus.ts';
import { createClient, type ServiceClient } from '#kit/rpc/client.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import { implement, type Handlers, type Implementation } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { readConfig } from '#kit/run/config.ts';
import { Lifecycle } from '#kit/run/lifecycle.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase, type Database } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import * as aftersales from '../../services/aftersales/main.ts';
import { migrations } from '../../services/aftersales/store/migrations.ts';
import * as inventory from '../../services/inventory/main.ts';
import * as order from '../../services/order/main.ts';
import { freshDatabase, freshNats, freshRedis } from '../support/stack.ts';
import { eventually } from '../support/processes.ts';
import { startTokens, TEST_AUDIENCE, TEST_ISSUER, type TokenServer } from '../support/tokens.ts';
import { testRun, type TestRun } from './inventory_world.ts';
import { publishSucceeded } from './order_peers.ts';

export const requestId = (): string => uuid7(systemClock, systemRandom);
export const FARE_FEN = 50_000;

/** What the played services know, and knobs. */
export class Outside {
  readonly runs = new Map<string, TestRun>();
  readonly paid = new Map<string, { payment_id: string; amount_fen: bigint }>();
  readonly unverified = new Set<string>();
  readonly persons = new Map<string, string>();
  /** Messages by their key: each is made once. */
  readonly messages = new Map<string, { account_id: string; template_id: string; parameters: Record<string, string> }>();
  notification_down = false;
  /** How often a message was sent, by key. */
  readonly sent = new Map<string, number>();
}

export type StandbyWorld = {
  lifecycle: Lifecycle;
  outside: Outside;
  standbys: ServiceClient<typeof StandbyService>;
  inventory: ServiceClient<typeof InventoryService>;
  /** Inventory, as aftersales sees it. */
  care: ServiceClient<typeof InventoryService>;
  /** Inventory, as ops sees it. */
  ops: ServiceClient<typeof InventoryService>;
  orders: ServiceClient<typeof OrderService>;
  bus: Bus;
  db: { aftersales: Database; inventory: Database; order: Database };
  /** A traveller's header. */
  as(account_id: string, more?: Parameters<TokenServer['headersFor']>[0]): Promise<{ metadata: Record<string, string> }>;
  /** A second process of aftersales on the same stores. */
  another(): Promise<ServiceClient<typeof StandbyService>>;
  stopAftersales(): Promise<void>;
  startAftersales(): Promise<void>;
  stopInventory(): Promise<void>;
  startInventory(): Promise<void>;
};

export async function openStandby(extra: Record<string, string> = {}, options: order.StartOptions = {}): Promise<StandbyWorld> {
  const lifecycle = new Lifecycle();
  try {
    return await openIn(lifecycle, extra, options);
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

async function openIn(lifecycle: Lifecycle, extra: Record<string, string>, options: order.StartOptions): Promise<StandbyWorld> {
  const [after_db, inventory_db, order_db, redis, nats, tokens] = await Promise.all([freshDatabase(), freshDatabase(), freshDatabase(), freshRedis(), freshNats(), startTokens()]);
  for (const server of [after_db, inventory_db, order_db, redis, nats, tokens]) lifecycle.onStop('server', () => server.stop());
  const caller_key = extra.CALLER_KEY === undefined ? randomBytes(32) : Buffer.from(extra.CALLER_KEY, 'hex');
  const log = silentLog();
  const outside = new Outside();
  const peers = lifecycle.add('outside', await startServer({ service: 'outside', implementations: played(outside), auth: { caller_keys: [caller_key] }, log }));
  // The three ask each other: a place to be found at is needed before anybody is there.
  const [order_port, aftersales_port] = [String(await freePort()), String(await freePort())];
  const env: Record<string, string> = {
    MYSQL_URL_AFTERSALES: after_db.url, MYSQL_URL_INVENTORY: inventory_db.url, MYSQL_URL_ORDER: order_db.url, REDIS_URL: redis.url, NATS_URL: nats.url, NATS_TOKEN: nats.token,
    JWKS_URL: tokens.jwks_url, JWT_ISSUER: TEST_ISSUER, JWT_AUDIENCE: TEST_AUDIENCE, CALLER_KEY: caller_key.toString('hex'),
    COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
    ...Object.fromEntries(['QUERY', 'IDENTITY', 'PAYMENT', 'TICKETING', 'NOTIFICATION'].map((name) => [`${name}_ADDRESS`, peers.address])),
    AFTERSALES_ADDRESS: `127.0.0.1:${aftersales_port}`, ORDER_PORT: order_port, ORDER_ADDRESS: `127.0.0.1:${order_port}`, RISK_ADDRESS: peers.address, ORDER_SWEEP_MS: '100', INVENTORY_SWEEP_MS: '50', INVENTORY_BUCKETS: '4', INVENTORY_FOLLOW_MS: '1000',
    INVENTORY_KEEP_MS: '10000', AFTERSALES_SWEEP_MS: '100', AFTERSALES_BACKOFF_MS: '100', ...extra,
  };
  const { RISK_ADDRESS: _risk, ...inventory_env } = env;
  const bus = await openBus({ url: nats.url, token: nats.token, log, service: 'payment' });
  lifecycle.onStop('bus', () => bus.close());
  await migrate(after_db.url, migrations, { log });
  let stock = await inventory.start(readConfig(inventory.configSchema, inventory_env), { log });
  lifecycle.onStop('inventory', () => stock.stop());
  const inventory_port = String(stock.port);
  const sales = lifecycle.add('order', await order.start(readConfig(order.configSchema, { ...env, INVENTORY_ADDRESS: stock.address }), { log, ...options }));
  const after_config = readConfig(aftersales.configSchema, { ...env, INVENTORY_ADDRESS: stock.address });
  const startAftersales = () => aftersales.start({ ...after_config, aftersales_port: Number(aftersales_port) });
  let care = await startAftersales();
  lifecycle.onStop('aftersales', () => care.stop());
  const clientOf = <S extends DescService>(contract: S, address: string, service = 'test', key?: Uint8Array): ServiceClient<S> => {
    const client = createClient(contract, { address, service, caller_key: key, default_timeout_ms: 20_000 });
    lifecycle.onStop('client', () => client.close());
    return client;
  };
  const database = async (url: string): Promise<Database> => {
    const db = await openDatabase({ url, log, service: 'test' });
    lifecycle.onStop('connection', () => db.close());
    return db;
  };
  return {
    lifecycle, outside,
    standbys: clientOf(StandbyService, care.address),
    inventory: clientOf(InventoryService, stock.address, 'order', caller_key),
    care: clientOf(InventoryService, stock.address, 'aftersales', caller_key),
    ops: clientOf(InventoryService, stock.address, 'ops', caller_key),
    orders: clientOf(OrderService, sales.address),
    bus,
    db: { aftersales: await database(after_db.url), inventory: await database(inventory_db.url), order: await database(order_db.url) },
    as: async (account_id, more = {}) => ({ metadata: await tokens.headersFor({ account_id, ...more }) }),
    async another() {
      const second = lifecycle.add('another aftersales', await aftersales.start(after_config));
      return clientOf(StandbyService, second.address);
    },
    stopAftersales: async () => care.stop(),
    async startAftersales() {
      care = await startAftersales();
    },
    stopInventory: async () => stock.stop(),
    async startInventory() {
      stock = await inventory.start(readConfig(inventory.configSchema, { ...inventory_env, INVENTORY_PORT: inventory_port }), { log });
    },
  };
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Handlers of what is needed; the rest refuses. */
function partly<S extends DescService>(service: S, handlers: Partial<Handlers<S>>): Implementation {
  const missing = Object.fromEntries(service.methods.map(({ localName }) => [localName, () => unwrap(fail('NOT_IMPLEMENTED'))]));
  return implement(service, { ...missing, ...handlers } as unknown as Handlers<S>);
}

function played(outside: Outside): Implementation[] {
  const query = partly(QueryService, {
    async *streamTrainRuns({ runIds }) {
      for (const [run_id, run] of outside.runs) if (runIds.length === 0 || runIds.includes(run_id)) yield { run: { revision: 1n, ...run } };
    },
    listRunChanges: () => ({ changes: [], timetableRevision: 1n }),
    getTrainRun({ runId }) {
      const run = outside.runs.get(runId);
      if (run === undefined) throw new FailureError({ reason: 'TRAIN_RUN_NOT_FOUND' });
      return { run: { ...run, saleState: run.saleState ?? SaleState.OPEN } };
    },
    quoteFares: ({ seatClasses, passengerTypes }) => ({ fares: seatClasses.flatMap((seatClass) => passengerTypes.map((passengerType) => ({ seatClass, passengerType, fare: { amountFen: BigInt(FARE_FEN), currency: 'CNY' } }))) }),
  });
  const identity = partly(IdentityService, {
    resolvePassengers: ({ passengerIds }) => ({
      passengers: passengerIds.map((passengerId) => ({
        passenger: { passengerId, nameMasked: '张*', idNumberMasked: '1101********1234', passengerType: PassengerType.ADULT, verifyState: outside.unverified.has(passengerId) ? VerifyState.PENDING : VerifyState.VERIFIED },
        personBlindIndex: Buffer.from((outside.persons.get(passengerId) ?? passengerId).padEnd(16)).toString('hex'),
      })),
    }),
  });
  const paymentOf = (orderId: string) => {
    const facts = outside.paid.get(orderId);
    return facts === undefined ? [] : [{ paymentId: facts.payment_id, orderId, state: PaymentState.SUCCEEDED, kind: PaymentKind.PURCHASE, amount: { amountFen: facts.amount_fen, currency: 'CNY' }, refunded: { amountFen: 0n, currency: 'CNY' } }];
  };
  const payment = partly(PaymentService, {
    listPayments: ({ orderId }) => ({ payments: paymentOf(orderId) }),
    closePayments({ orderId }) {
      const [paid] = paymentOf(orderId);
      return paid === undefined ? { closed: true } : { paid, closed: false };
    },
    settlePayment: () => ({}),
    batchSettlePayments: ({ requests }) => ({ outcomes: requests.map(() => ({})) }),
    createRefund: ({ refundId }) => ({ refund: { refundId, state: RefundState.SUCCEEDED } }),
  });
  const issued = (items: readonly { itemId: string }[]) => ({ outcome: IssueOutcome.ISSUED, tickets: items.map(({ itemId }) => ({ itemId, ticketId: `E${itemId}` })) });
  const ticketing = partly(TicketingService, {
    issueTickets: ({ items }) => issued(items),
    batchIssueTickets: ({ requests }) => ({ results: requests.map(({ items }) => ({ outcome: { case: 'issue' as const, value: issued(items) } })) }),
  });
  const notification = partly(NotificationService, {
    sendMessage({ messageKey, accountId: account_id, templateId: template_id, parameters }) {
      if (outside.notification_down) return unwrap(fail('DEPENDENCY_UNAVAILABLE'));
      outside.sent.set(messageKey, (outside.sent.get(messageKey) ?? 0) + 1);
      outside.messages.set(messageKey, outside.messages.get(messageKey) ?? { account_id, template_id, parameters });
      return { messageId: messageKey };
    },
  });
  return [query, identity, payment, ticketing, notification, partly(RiskService, { assess: () => ({ decision: Decision.ALLOW }) })];
}

let trains = 0;
let numbers = 9_000_000;
/** An id that nobody else of the test has. */
export const fresh = (): string => String((numbers += 1));

/** A run of so many second-class seats, all of them held by orders of nobody: `<run>-<n>` from 1. */
export async function soldOut(world: StandbyWorld, seats = 3, options: Parameters<typeof testRun>[1] = {}): Promise<string> {
  const run = testRun(`W${(trains += 1)}`, { coaches: [[SeatClass.SECOND, seats]], ...options });
  world.outside.runs.set(run.runId!, run);
  await openRun(world, run);
  for (let seat = 1; seat <= seats; seat += 1) await world.inventory.holdSeats({ holdId: `${run.runId}-${seat}`, runId: run.runId!, fromStationId: 's0', toStationId: 's4', items: [{ itemId: '1', seatClasses: [SeatClass.SECOND] }], owner: HoldOwner.ORDER, holdTtlMs: 600_000 });
  return run.runId!;
}

async function openRun(world: StandbyWorld, run: TestRun): Promise<void> {
  await world.ops.openRuns({ serviceDate: run.serviceDate!, runIds: [run.runId!] });
}

export const giveBack = (world: StandbyWorld, run_id: string, seat: number) => world.inventory.releaseHold({ holdId: `${run_id}-${seat}`, runId: run_id, owner: HoldOwner.ORDER });

type WishOf = { run_id: string; from?: number; to?: number };

export const wishOf = ({ run_id, from = 0, to = 4 }: WishOf) => ({ runId: run_id, fromStationId: `s${from}`, toStationId: `s${to}`, seatClasses: [SeatClass.SECOND] });

export const DAY_MS = 86_400_000;

/** Asks for a standby of so many travellers; it is known to inventory when this returns. */
export async function ask(world: StandbyWorld, wishes: readonly WishOf[], { account_id = fresh(), passengers = [fresh()], in_ms = DAY_MS, member_level = 0, client = world.standbys } = {}): Promise<{ standby: Standby; auth: Awaited<ReturnType<StandbyWorld['as']>>; account_id: string }> {
  const auth = await world.as(account_id, { member_level });
  const { standby } = await client.createStandby({ requestId: requestId(), wishes: wishes.map(wishOf), passengerIds: passengers, deadline: { seconds: BigInt(Math.floor((Date.now() + in_ms) / 1000)), nanos: 0 } }, auth);
  for (const { run_id } of wishes) await known(world, run_id);
  return { standby: standby!, auth, account_id };
}

async function known(world: StandbyWorld, run_id: string): Promise<void> {
  await eventually(async () => (await world.db.aftersales.query('SELECT 1 FROM standby_run WHERE run_id = ? AND version = told', [run_id])).length > 0);
}

/** Resolves when the standby is in a state. */
export async function untilStandby(world: StandbyWorld, { standby, auth }: { standby: Standby; auth: Awaited<ReturnType<StandbyWorld['as']>> }, state: StandbyState): Promise<Standby> {
  return eventually(async () => {
    const now = (await world.standbys.getStandby({ standbyId: standby.standbyId }, auth)).standby!;
    return now.state === state ? now : undefined;
  });
}

/** The traveller pays the order of a standby. */
export async function pay(world: StandbyWorld, { orderId }: Standby, auth: Awaited<ReturnType<StandbyWorld['as']>>): Promise<void> {
  const { order: found } = await world.orders.getOrder({ orderId }, auth);
  const facts = { payment_id: `p-${orderId}`, order_id: orderId, amount_fen: found!.total!.amountFen, state: PaymentState.SUCCEEDED, returned: false };
  world.outside.paid.set(orderId, facts);
  await publishSucceeded(world.bus, facts);
}

export const reasonOf = async (call: Promise<unknown>): Promise<string | undefined> => ((await call.then(() => undefined, (error: unknown) => error)) as RpcError | undefined)?.reason;

export { OrderState, StandbyState };
