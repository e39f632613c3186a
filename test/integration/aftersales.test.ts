import { randomBytes } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import test from 'ava';
import { RefundService, RefundStage } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { RefundSucceededSchema } from '#gen/rail/event/v1/payment_events_pb.ts';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { OrderService, OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentService, RefundState } from '#gen/rail/payment/v1/payment_pb.ts';
import { TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemTimers } from '#kit/base/timers.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import { systemRandom } from '#kit/base/random.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { openBus } from '#kit/bus/bus.ts';
import { appendEvents } from '#kit/bus/outbox.ts';
import { startRelay } from '#kit/bus/relay.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { createClient, type CallOptions } from '#kit/rpc/client.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import { implement } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { readConfig } from '#kit/run/config.ts';
import { kitTables } from '#kit/store/kit_tables.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase, type Database } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { createDriver } from '../../services/aftersales/app/drive_refund.ts';
import type { Money, MoneyState, Orders, Places, RefundStore, Tickets } from '../../services/aftersales/app/ports.ts';
import { quoteItems, type OrderFacts } from '../../services/aftersales/domain/quote.ts';
import { configSchema, start } from '../../services/aftersales/main.ts';
import { migrations } from '../../services/aftersales/store/migrations.ts';
import { openRefundStore } from '../../services/aftersales/store/refund_store.ts';
import { freshDatabase, freshNats } from '../support/stack.ts';
import { startTokens } from '../support/tokens.ts';

const caller_key = randomBytes(32);
const id = (): string => uuid7(systemClock, systemRandom);
const HOUR_MS = 3_600_000;
const FARE_FEN = 55_300;
let next_order = 1000n << 22n;

type WorldOrder = Omit<OrderFacts, 'items'> & { items: (OrderFacts['items'][number] & { refunded_fen: number })[] };

/** The other services, as far as a refund can tell: what is asked twice happens once, and every effect is counted. */
class World {
  readonly orders = new Map<string, WorldOrder>();
  readonly answered = new Map<string, Result<undefined>>();
  readonly refunds = new Map<string, { amount_fen: number; state: MoneyState; asked: number }>();
  readonly voided = new Set<string>();
  readonly used = new Set<string>();
  readonly released = new Set<string>();
  /** Steps whose next answer is lost after their effect. */
  readonly lose = new Set<string>();
  /** Steps that do not answer at all. */
  readonly away = new Set<string>();
  /** What money becomes as soon as it is asked for. */
  money_becomes: MoneyState = 'SUCCEEDED';

  newOrder(items = 2, more: Partial<WorldOrder['items'][number]> = {}): WorldOrder {
    next_order += 1n << 22n;
    const order_id = String(next_order);
    const departure_ms = Date.now() + 100 * HOUR_MS;
    const list = Array.from({ length: items }, (_, index) => ({
      item_id: `${order_id}-${index + 1}`, item_no: index + 1, version: 4n, state: 'SUCCESS', paid_fen: FARE_FEN, refunded_fen: 0, departure_ms, hold_id: `hold-${order_id}`, run_id: 'G101.20260115', ...more,
    }));
    const order = { order_id, account_id: '1', payment_id: String(next_order + 1n), items: list };
    this.orders.set(order_id, order);
    return order;
  }

  readonly orderPort: Orders = {
    find: async (order_id) => this.#answer('order.find', () => this.#facts(order_id)),
    transition: async ({ request_id, order_id, items, to }) =>
      this.#answer(`order.${to}`, () => {
        const known = this.answered.get(request_id);
        if (known !== undefined) return known;
        const order = this.orders.get(order_id);
        if (order === undefined) return fail('ORDER_NOT_FOUND');
        for (const { item_id, version } of items) {
          const item = order.items.find((candidate) => candidate.item_id === item_id)!;
          if (item.version !== version) return fail('VERSION_STALE');
          if ((to === 'REFUND') !== (item.state === 'SUCCESS') || (to !== 'REFUND') !== (item.state === 'REFUND')) return fail('ITEM_NOT_REFUNDABLE');
        }
        for (const { item_id, refunded_fen } of items) {
          const item = order.items.find((candidate) => candidate.item_id === item_id)!;
          Object.assign(item, { state: to, version: item.version + 1n, refunded_fen: item.refunded_fen + refunded_fen });
        }
        this.answered.set(request_id, ok());
        return ok();
      }),
  };

  readonly ticketPort: Tickets = {
    void: async (_order_id, item_ids) =>
      this.#answer('void', () => {
        if (item_ids.some((item_id) => this.used.has(item_id))) return fail('TICKET_NOT_VALID');
        for (const item_id of item_ids) this.voided.add(item_id);
        return ok();
      }),
  };

  readonly moneyPort: Money = {
    refund: async ({ refund_id, amount_fen }) =>
      this.#answer('money', () => {
        const refund = this.refunds.get(refund_id) ?? { amount_fen, state: this.money_becomes, asked: 0 };
        this.refunds.set(refund_id, { ...refund, asked: refund.asked + 1 });
        return refund.amount_fen === amount_fen ? ok(refund.state) : fail('REQUEST_ID_REUSED');
      }),
    state: async (refund_id) => this.#answer('money.state', () => ok(this.refunds.get(refund_id)?.state ?? 'DUE')),
  };

  readonly placePort: Places = {
    release: async ({ hold_id, item_nos }) =>
      this.#answer('release', () => {
        for (const item_no of item_nos) this.released.add(`${hold_id}/${item_no}`);
        return ok();
      }),
  };

  #facts(order_id: string): Result<OrderFacts> {
    const order = this.orders.get(order_id);
    return order === undefined ? fail('ORDER_NOT_FOUND') : ok(order);
  }

  #answer<T>(step: string, effect: () => Result<T>): Result<T> {
    if (this.away.has(step)) return fail('DEPENDENCY_UNAVAILABLE');
    const result = effect();
    return this.lose.delete(step) ? fail('DEPENDENCY_UNAVAILABLE') : result;
  }
}

const world = new World();

/** Handlers for the methods that are asked for here; the others are never called. */
function partly(service: { methods: readonly { localName: string }[] }, handlers: object): never {
  const unused = (): never => {
    throw new Error('not asked for here');
  };
  return { ...Object.fromEntries(service.methods.map(({ localName }) => [localName, unused])), ...handlers } as never;
}

const fen = (amount_fen: number) => ({ amountFen: BigInt(amount_fen), currency: 'CNY' });
const WORDS = new Map<number, string>(Object.entries(OrderState).map(([word, value]) => [value, word]));

const orderHandlers = partly(OrderService, {
  async getOrder({ orderId }: { orderId: string }) {
    const order = unwrap(await world.orderPort.find(orderId));
    const items = order.items.map((item) => ({
      itemId: item.item_id, version: item.version, state: OrderState[item.state as keyof typeof OrderState], fare: fen(item.paid_fen), refunded: fen(world.orders.get(orderId)!.items.find(({ item_id }) => item_id === item.item_id)!.refunded_fen),
      holdId: item.hold_id, journey: { runId: item.run_id, departureTime: timestampFromMs(item.departure_ms) },
    }));
    return { order: { orderId, accountId: order.account_id, paymentId: order.payment_id, items } };
  },
  async transitionItems(request: { requestId: string; orderId: string; cause: string; transitions: { itemId: string; version: bigint; to: number; refunded?: { amountFen: bigint } }[] }) {
    const items = request.transitions.map(({ itemId, version, refunded }) => ({ item_id: itemId, version, refunded_fen: Number(refunded?.amountFen ?? 0n) }));
    unwrap(await world.orderPort.transition({ request_id: request.requestId, order_id: request.orderId, items, to: WORDS.get(request.transitions[0]!.to) as 'REFUND', cause: request.cause }));
    return {};
  },
});
const ticketHandlers = partly(TicketingService, {
  async voidTickets({ orderId, itemIds, reason }: { orderId: string; itemIds: string[]; reason: string }) {
    unwrap(await world.ticketPort.void(orderId, itemIds, reason));
    return {};
  },
});
const paymentHandlers = partly(PaymentService, {
  async createRefund({ refundId, paymentId, amount, reason }: { refundId: string; paymentId: string; amount?: { amountFen: bigint }; reason: string }) {
    return { refund: { refundId, state: RefundState[unwrap(await world.moneyPort.refund({ refund_id: refundId, payment_id: paymentId, amount_fen: Number(amount!.amountFen), reason }))] } };
  },
  async getRefund({ refundId }: { refundId: string }) {
    return { refund: { refundId, state: RefundState[unwrap(await world.moneyPort.state(refundId))] } };
  },
});
const inventoryHandlers = partly(InventoryService, {
  async releaseHold({ holdId, runId, itemIds, reason }: { holdId: string; runId: string; itemIds: string[]; reason: string }) {
    unwrap(await world.placePort.release({ hold_id: holdId, run_id: runId, item_nos: itemIds.map(Number), reason }));
    return {};
  },
});

async function startAllParts() {
  const [database, payment_database, nats, tokens] = await Promise.all([freshDatabase(), freshDatabase(), freshNats(), startTokens()]);
  await migrate(database.url, migrations, { log: silentLog() });
  await migrate(payment_database.url, [{ name: '0001', up: kitTables({ outbox: true }) }], { log: silentLog() });
  const serve = (service: 'order' | 'ticketing' | 'payment' | 'inventory', contract: Parameters<typeof implement>[0], handlers: never) =>
    startServer({ service, implementations: [implement(contract, handlers)], auth: { caller_keys: [caller_key] }, log: silentLog() });
  const [order, ticketing, payment, inventory] = await Promise.all([
    serve('order', OrderService, orderHandlers), serve('ticketing', TicketingService, ticketHandlers), serve('payment', PaymentService, paymentHandlers), serve('inventory', InventoryService, inventoryHandlers),
  ]);
  const config = readConfig(configSchema, {
    MYSQL_URL_AFTERSALES: database.url, NATS_URL: nats.url, NATS_TOKEN: nats.token, JWKS_URL: tokens.jwks_url, CALLER_KEY: caller_key.toString('hex'),
    COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
    ORDER_ADDRESS: order.address, PAYMENT_ADDRESS: payment.address, TICKETING_ADDRESS: ticketing.address, INVENTORY_ADDRESS: inventory.address,
    AFTERSALES_SWEEP_MS: '25', AFTERSALES_STEP_MS: '150', AFTERSALES_BACKOFF_MS: '20',
  });
  const aftersales = await start(config);
  const db = await openDatabase({ url: database.url, service: 'test', log: silentLog() });
  const bus_db = await openDatabase({ url: payment_database.url, service: 'payment', log: silentLog() });
  const bus = await openBus({ url: nats.url, token: nats.token, prefix: '', log: silentLog(), service: 'payment' });
  const relay = startRelay({ db: bus_db, nats: bus, log: silentLog(), service: 'payment' });
  const as = async (account_id: string, roles = ['traveller']): Promise<CallOptions> => ({ metadata: await tokens.headersFor({ account_id, roles }), timeout_ms: 8000 });
  const parts = {
    aftersales, config, db, bus_db,
    client: createClient(RefundService, { default_timeout_ms: 60_000, address: aftersales.address, service: 'web' }),
    traveller: await as('1'), stranger: await as('2'), operator: await as('9', ['operator']),
    async stop(): Promise<void> {
      parts.client.close();
      await parts.aftersales.stop();
      await relay.stop();
      await Promise.all([order.stop(), ticketing.stop(), payment.stop(), inventory.stop(), bus.close(), db.close(), bus_db.close(), tokens.stop()]);
      await Promise.all([database.stop(), payment_database.stop(), nats.stop()]);
    },
  };
  return parts;
}

let stack: Awaited<ReturnType<typeof startAllParts>>;
test.before(async () => void (stack = await startAllParts()));
test.afterEach.always(() => {
  world.lose.clear();
  world.away.clear();
  world.money_becomes = 'SUCCEEDED';
});
test.after.always(() => stack?.stop());

const reason = (error: RpcError | undefined) => error?.reason;

async function quoted(order: WorldOrder, itemIds: string[] = []) {
  const { quote } = await stack.client.quoteRefund({ orderId: order.order_id, itemIds }, stack.traveller);
  return { requestId: id(), orderId: order.order_id, itemIds, quoteToken: quote!.quoteToken, quote: quote! };
}

async function until(refund_id: string, stage: RefundStage) {
  let seen: RefundStage | undefined;
  for (let tries = 0; tries < 600; tries += 1) {
    const { refund } = await stack.client.getRefund({ refundId: refund_id }, stack.traveller);
    if (refund!.stage === stage) return refund!;
    seen = refund!.stage;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`refund ${refund_id} is in stage ${seen}, not ${stage}`);
}

const statesOf = (order: WorldOrder) => order.items.map(({ state }) => state);
const returnedOf = (order: WorldOrder) => [...world.refunds].filter(([refund_id]) => refund_id.startsWith(`r-${order.order_id}-`)).map(([, { amount_fen }]) => amount_fen);

test.serial('a refund is quoted, made, and ends with the money, the places and the order', async (t) => {
  const order = world.newOrder(2);
  const { quote, ...wanted } = await quoted(order, [order.items[0]!.item_id]);
  // 5 % of 553 yuan is 27.65, rounded 27.50.
  t.like(quote.items[0], { ruleId: 'REFUND_5_48H', fee: { amountFen: 2750n }, returned: { amountFen: 52_550n }, paid: { amountFen: 55_300n } });
  t.is(quote.totalReturned!.amountFen, 52_550n);
  const { refund } = await stack.client.createRefund(wanted, stack.traveller);
  const done = await until(refund!.refundId, RefundStage.DONE);
  t.true(done.finishTime !== undefined && done.totalReturned!.amountFen === 52_550n);
  t.deepEqual(statesOf(order), ['CLOSED', 'SUCCESS']);
  t.is(order.items[0]!.refunded_fen, 52_550);
  t.deepEqual([world.voided.has(order.items[0]!.item_id), world.voided.has(order.items[1]!.item_id)], [true, false]);
  t.deepEqual([world.released.has(`${order.items[0]!.hold_id}/1`), world.released.has(`${order.items[0]!.hold_id}/2`)], [true, false]);
  t.deepEqual(returnedOf(order), [52_550]);
  t.is((await stack.client.createRefund(wanted, stack.traveller)).refund!.refundId, refund!.refundId);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund({ ...wanted, itemIds: [] }, stack.traveller))), 'REQUEST_ID_REUSED');
  const { refunds } = await stack.client.listRefunds({ orderId: order.order_id }, stack.traveller);
  t.deepEqual(refunds.map(({ refundId }) => refundId), [refund!.refundId]);
  const audit = await stack.db.query<{ result: string }>('SELECT result FROM audit_record WHERE target = ? ORDER BY audit_id', [`refund/${refund!.refundId}`]);
  t.deepEqual(audit.map(({ result }) => result), ['ok', 'ACCEPTED', 'VOIDED', 'MONEY_SENT', 'DONE']);
});

test.serial('of many refunds of one item one is made', async (t) => {
  const order = world.newOrder(1);
  world.away.add('order.REFUND');
  const { quote: _quote, ...wanted } = await quoted(order);
  const settled = await Promise.allSettled(Array.from({ length: 5 }, () => stack.client.createRefund({ ...wanted, requestId: id() }, stack.traveller)));
  world.away.clear();
  const made = settled.filter((result) => result.status === 'fulfilled');
  t.is(made.length, 1);
  t.deepEqual(new Set(settled.filter((result) => result.status === 'rejected').map((result) => reason(result.reason as RpcError))), new Set(['ITEM_NOT_REFUNDABLE']));
  await until(made[0]!.value.refund!.refundId, RefundStage.DONE);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund({ ...wanted, requestId: id() }, stack.traveller))), 'ITEM_NOT_REFUNDABLE');
  t.is(reason(await t.throwsAsync<RpcError>(() => quoted(order))), 'ITEM_NOT_REFUNDABLE');
  t.is(returnedOf(order).length, 1);
});

test.serial('a quote that is not ours, not for this or not true any more is answered with a new one', async (t) => {
  const [order, other] = [world.newOrder(1), world.newOrder(1)];
  const { quote: _quote, ...wanted } = await quoted(order);
  const foreign = await quoted(other);
  const tampered = `${wanted.quoteToken.slice(0, -4)}AAAA`;
  for (const quoteToken of ['', 'x', tampered, foreign.quoteToken]) {
    t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund({ ...wanted, requestId: id(), quoteToken }, stack.traveller))), 'QUOTE_STALE', quoteToken.slice(0, 5));
  }
  order.items[0]!.version += 1n;
  const stale = await t.throwsAsync<RpcError>(() => stack.client.createRefund(wanted, stack.traveller));
  t.is(stale?.code, 'ABORTED');
  t.is(stale?.metadata.total_returned_fen, '52550');
  const { refund } = await stack.client.createRefund({ ...wanted, requestId: id(), quoteToken: stale!.metadata.quote_token! }, stack.traveller);
  await until(refund!.refundId, RefundStage.DONE);
});

test.serial('what the order refuses is refused to the caller, and may be tried again', async (t) => {
  const order = world.newOrder(1);
  const { quote: _quote, ...wanted } = await quoted(order);
  const [item] = order.items;
  // Somebody changes the item between the look at the order and its transition.
  const find = world.orderPort.find.bind(world.orderPort);
  world.orderPort.find = async (order_id) => {
    const found = structuredClone(await find(order_id));
    item!.version += 1n;
    world.orderPort.find = find;
    return found;
  };
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund(wanted, stack.traveller))), 'QUOTE_STALE');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund(wanted, stack.traveller))), 'QUOTE_STALE', 'the same answer again');
  t.deepEqual((await stack.client.listRefunds({ orderId: order.order_id }, stack.traveller)).refunds, []);
  item!.version -= 1n;
  const { refund } = await stack.client.createRefund({ ...wanted, requestId: id() }, stack.traveller);
  await until(refund!.refundId, RefundStage.DONE);
});

test.serial('a ticket that went through a gate meanwhile stays: the items go back', async (t) => {
  const order = world.newOrder(2);
  world.used.add(order.items[1]!.item_id);
  const { quote: _quote, ...wanted } = await quoted(order);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund(wanted, stack.traveller))), 'ITEM_NOT_REFUNDABLE');
  t.deepEqual(statesOf(order), ['SUCCESS', 'SUCCESS']);
  t.deepEqual(returnedOf(order), []);
});

test.serial('departed trains and other accounts', async (t) => {
  const order = world.newOrder(1);
  const departed = world.newOrder(1, { departure_ms: Date.now() - 1 });
  t.is(reason(await t.throwsAsync<RpcError>(() => quoted(departed))), 'TRAIN_DEPARTED');
  const { quote: _quote, ...wanted } = await quoted(order);
  order.items[0]!.departure_ms = Date.now() - 1;
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund(wanted, stack.traveller))), 'TRAIN_DEPARTED');
  order.items[0]!.departure_ms = Date.now() + 300 * HOUR_MS;
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.quoteRefund({ orderId: order.order_id }, stack.stranger))), 'ORDER_NOT_FOUND');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.createRefund(wanted, stack.stranger))), 'ORDER_NOT_FOUND');
  const { quote, ...free } = await quoted(order);
  t.is(quote.totalFee!.amountFen, 0n);
  const { refund } = await stack.client.createRefund(free, stack.operator);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.getRefund({ refundId: refund!.refundId }, stack.stranger))), 'REFUND_NOT_FOUND');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.listRefunds({ orderId: order.order_id }, stack.stranger))), 'ORDER_NOT_FOUND');
  await until(refund!.refundId, RefundStage.DONE);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.refundRun({ requestId: id(), runId: 'G1.20260115' }, stack.operator))), 'NOT_IMPLEMENTED');
});

test.serial('nothing to return asks for no money', async (t) => {
  const order = world.newOrder(1, { paid_fen: 150 });
  const { quote, ...wanted } = await quoted(order);
  t.is(quote.totalReturned!.amountFen, 0n);
  const { refund } = await stack.client.createRefund(wanted, stack.traveller);
  await until(refund!.refundId, RefundStage.DONE);
  t.deepEqual([statesOf(order), returnedOf(order)], [['CLOSED'], []]);
});

for (const step of ['order.REFUND', 'void', 'money', 'release', 'money.state', 'order.CLOSED']) {
  test.serial(`a lost answer of ${step} costs nothing`, async (t) => {
    const order = world.newOrder(2);
    const { quote: _quote, ...wanted } = await quoted(order);
    if (step === 'money.state') world.money_becomes = 'PROCESSING';
    world.lose.add(step);
    const { refund } = await stack.client.createRefund(wanted, stack.traveller);
    if (step === 'money.state') for (const known of world.refunds.values()) known.state = 'SUCCEEDED';
    await until(refund!.refundId, RefundStage.DONE);
    t.false(world.lose.has(step), 'the step was made');
    t.deepEqual(statesOf(order), ['CLOSED', 'CLOSED']);
    t.deepEqual(order.items.map(({ refunded_fen, version }) => [refunded_fen, version]), [[52_550, 6n], [52_550, 6n]]);
    t.deepEqual(returnedOf(order), [52_550, 52_550]);
  });
}

test.serial('a refund goes on in another process, and learns of money by an event', async (t) => {
  const order = world.newOrder(1);
  world.away.add('release');
  world.money_becomes = 'PROCESSING';
  const { quote: _quote, ...wanted } = await quoted(order);
  const { refund } = await stack.client.createRefund(wanted, stack.traveller);
  await until(refund!.refundId, RefundStage.VOIDED);
  await stack.aftersales.stop();
  world.away.clear();
  // From now on payment only tells, it does not answer.
  world.away.add('money.state');
  stack.aftersales = await start(stack.config);
  stack.client.close();
  stack.client = createClient(RefundService, { default_timeout_ms: 60_000, address: stack.aftersales.address, service: 'web' });
  await until(refund!.refundId, RefundStage.MONEY_SENT);
  await tellArrived(stack.bus_db, `r-${order.items[0]!.item_id}-4`, order.order_id);
  await until(refund!.refundId, RefundStage.DONE);
  t.deepEqual(statesOf(order), ['CLOSED']);
});

test.serial('money that people have to look at waits for them and then goes on', async (t) => {
  const order = world.newOrder(1);
  world.money_becomes = 'MANUAL';
  const { quote: _quote, ...wanted } = await quoted(order);
  const { refund } = await stack.client.createRefund(wanted, stack.traveller);
  t.is((await until(refund!.refundId, RefundStage.MANUAL)).reason, 'the payment needs people');
  t.deepEqual(statesOf(order), ['REFUND']);
  world.refunds.get(`r-${order.items[0]!.item_id}-4`)!.state = 'SUCCEEDED';
  await tellArrived(stack.bus_db, `r-${order.items[0]!.item_id}-4`, order.order_id);
  await until(refund!.refundId, RefundStage.DONE);
  t.deepEqual(statesOf(order), ['CLOSED']);
});

async function tellArrived(db: Database, refundId: string, orderId: string): Promise<void> {
  const payload = toBinary(RefundSucceededSchema, create(RefundSucceededSchema, { refund: { refundId, orderId, state: 'SUCCEEDED' } }));
  const event = { stream: 'PAYMENT' as const, event_id: id(), type: RefundSucceededSchema.typeName, version: 1n, key: orderId, occurred_at: new Date(), payload };
  await db.transaction((tx) => appendEvents(tx, [event]));
}

class Crash extends Error {}

/** Every call of a port is a place where the process may end: just before it, or when its effect is there. */
function crashing<P extends object>(port: P, at: { left: number }): P {
  return new Proxy(port, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== 'function') return method;
      return async (...args: unknown[]) => {
        if (at.left-- === 0) throw new Crash('before');
        const result: unknown = await (method as (...rest: unknown[]) => unknown).apply(target, args);
        if (at.left-- === 0) throw new Crash('after');
        return result;
      };
    },
  });
}

test.serial('a crash at any place is survived, and nothing happens twice', async (t) => {
  const keys = { keyring: createKeyring({ active: 'k', keys: { k: randomBytes(32).toString('hex') } }), index: createBlindIndex(randomBytes(32).toString('hex')) };
  const database = await freshDatabase();
  t.teardown(() => database.stop());
  await migrate(database.url, migrations, { log: silentLog() });
  const db = await openDatabase({ url: database.url, service: 'aftersales', log: silentLog() });
  let next_id = 1n;
  const store = openRefundStore({ db, keys, clock: systemClock, nextId: () => next_id++, step_ms: 1000 });
  const driverWith = (at: { left: number }, its_store: RefundStore) =>
    createDriver({
      store: crashing(its_store, at), orders: crashing(world.orderPort, at), tickets: crashing(world.ticketPort, at), money: crashing(world.moneyPort, at), places: crashing(world.placePort, at), clock: systemClock, timers: systemTimers, log: silentLog(),
    });
  let crashes = 0;
  for (let place = 0; ; place += 1) {
    const order = world.newOrder(2);
    const quote = quoteItems(order, [], Date.now());
    if (!quote.ok) throw new Error(quote.error.reason satisfies ErrorReason);
    const created = await store.create({ request_id: id(), body_hash: new Uint8Array(32), order, quote: quote.value, reason: 'TEST' }, { account_id: '1', service: 'test', device_id: '', ip: '' });
    const { refund_id } = unwrap(created);
    const crashed = await driverWith({ left: place }, store).drive(refund_id).then(() => false, (error: unknown) => error instanceof Crash);
    // The next process knows only what is stored.
    await driverWith({ left: -1 }, store).drive(refund_id);
    t.is((await store.find(refund_id))?.stage, 'DONE', `crash at ${place}`);
    t.deepEqual(order.items.map(({ state, version, refunded_fen }) => [state, version, refunded_fen]), [['CLOSED', 6n, 52_550], ['CLOSED', 6n, 52_550]], `crash at ${place}`);
    t.deepEqual(returnedOf(order), [52_550, 52_550]);
    if (!crashed) break;
    crashes += 1;
  }
  t.true(crashes > 20, `${crashes} places`);
  await db.close();
});
