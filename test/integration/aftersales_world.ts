/** Everybody that aftersales asks, as one small world, and aftersales over it on stores of its own. */
import { randomBytes } from 'node:crypto';
import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { RefundService } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { NotificationService } from '#gen/rail/notification/v1/notification_pb.ts';
import { CloseReason, OrderService, OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentService, RefundState } from '#gen/rail/payment/v1/payment_pb.ts';
import { TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { openBus } from '#kit/bus/bus.ts';
import { appendEvents } from '#kit/bus/outbox.ts';
import { startRelay } from '#kit/bus/relay.ts';
import { createClient, type CallOptions } from '#kit/rpc/client.ts';
import { unwrap } from '#kit/rpc/error.ts';
import { implement } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { readConfig } from '#kit/run/config.ts';
import { kitTables } from '#kit/store/kit_tables.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase, type Database } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import type { Money, MoneyState, Orders, Places, Tickets } from '../../services/aftersales/app/ports.ts';
import type { OrderFacts, OrderItem } from '../../services/aftersales/domain/quote.ts';
import { configSchema, start } from '../../services/aftersales/main.ts';
import { migrations } from '../../services/aftersales/store/migrations.ts';
import { freshDatabase, freshNats } from '../support/stack.ts';
import { startTokens, TEST_AUDIENCE, TEST_ISSUER } from '../support/tokens.ts';

const caller_key = randomBytes(32);
export const id = (): string => uuid7(systemClock, systemRandom);
export const HOUR_MS = 3_600_000;
export const FARE_FEN = 55_300;
/** Orders in one page of a run. */
const SEARCH_PAGE = 40;
let next_order = 1000n << 22n;

export type WorldOrder = Omit<OrderFacts, 'items'> & { items: (OrderItem & { refunded_fen: number; close_reason: string })[] };

/** The other services, as far as a refund can tell: what is asked twice happens once, and every effect is counted. */
export class World {
  readonly orders = new Map<string, WorldOrder>();
  readonly answered = new Map<string, Result<undefined>>();
  readonly refunds = new Map<string, { payment_id: string; amount_fen: number; state: MoneyState; asked: number }>();
  readonly voided = new Set<string>();
  readonly used = new Set<string>();
  readonly released = new Set<string>();
  /** Steps whose next answer is lost after their effect. */
  readonly lose = new Set<string>();
  /** Steps that do not answer at all. */
  readonly away = new Set<string>();
  /** What money becomes as soon as it is asked for. */
  money_becomes: MoneyState = 'SUCCEEDED';

  /** Messages by their key. */
  readonly messages = new Map<string, { template_id: string; account_id: string; order_id: string; parameters: Record<string, string> }>();

  newOrder(items = 2, more: Partial<WorldOrder['items'][number]> = {}): WorldOrder {
    next_order += 1n << 22n;
    const order_id = String(next_order);
    const departure_ms = more.departure_ms ?? Date.now() + 100 * HOUR_MS;
    const payment_id = String(next_order + 1n);
    const list = Array.from({ length: items }, (_, index) => ({
      item_id: `${order_id}-${index + 1}`, item_no: index + 1, version: 4n, state: 'SUCCESS', paid_fen: FARE_FEN, money: [{ payment_id, amount_fen: more.paid_fen ?? FARE_FEN }], child: false, changed: false, refunded_fen: 0, close_reason: '',
      departure_ms, arrival_ms: departure_ms + 5 * HOUR_MS, departs_ms: departure_ms, arrives_ms: departure_ms + 5 * HOUR_MS, seat_gone: false, hold_id: `hold-${order_id}`, run_id: 'G101.20260115', ride: { train_no: 'G101', service_date: '2026-01-15', from_station: '北京南', to_station: '上海虹桥' }, ...more,
    }));
    const order = { order_id, account_id: '1', payment_id, items: list };
    this.orders.set(order_id, order);
    return order;
  }

  /** The gateway has answered: what was PROCESSING is there. */
  payOut(): void {
    for (const known of this.refunds.values()) known.state = 'SUCCEEDED';
  }

  readonly orderPort: Orders = {
    find: async (order_id) => this.answer('order.find', () => this.#facts(order_id)),
    transition: async ({ request_id, order_id, items, to, run_cancelled }) =>
      this.answer(`order.${to}`, () => {
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
          Object.assign(item, { state: to, version: item.version + 1n, refunded_fen: item.refunded_fen + refunded_fen, close_reason: to !== 'CLOSED' ? '' : run_cancelled ? 'RUN_CANCELLED' : 'REFUNDED' });
        }
        this.answered.set(request_id, ok());
        return ok();
      }),
  };

  readonly ticketPort: Tickets = {
    void: async (_order_id, item_ids) =>
      this.answer('void', () => {
        if (item_ids.some((item_id) => this.used.has(item_id))) return fail('TICKET_NOT_VALID');
        for (const item_id of item_ids) this.voided.add(item_id);
        return ok();
      }),
  };

  readonly moneyPort: Money = {
    refund: async ({ refund_id, payment_id, amount_fen }) =>
      this.answer('money', () => {
        const refund = this.refunds.get(refund_id) ?? { payment_id, amount_fen, state: this.money_becomes, asked: 0 };
        this.refunds.set(refund_id, { ...refund, asked: refund.asked + 1 });
        return refund.amount_fen === amount_fen && refund.payment_id === payment_id ? ok(refund.state) : fail('REQUEST_ID_REUSED');
      }),
    state: async (refund_id) => this.answer('money.state', () => ok(this.refunds.get(refund_id)?.state ?? 'DUE')),
  };

  readonly placePort: Places = {
    release: async ({ hold_id, item_nos }) =>
      this.answer('release', () => {
        for (const item_no of item_nos) this.released.add(`${hold_id}/${item_no}`);
        return ok();
      }),
  };

  #facts(order_id: string): Result<OrderFacts> {
    const order = this.orders.get(order_id);
    return order === undefined ? fail('ORDER_NOT_FOUND') : ok(order);
  }

  answer<T>(step: string, effect: () => Result<T>): Result<T> {
    if (this.away.has(step)) return fail('DEPENDENCY_UNAVAILABLE');
    const result = effect();
    return this.lose.delete(step) ? fail('DEPENDENCY_UNAVAILABLE') : result;
  }
}

export const world = new World();

/** Handlers for the methods that are asked for here; the others are never called. */
function partly(service: { methods: readonly { localName: string }[] }, handlers: object): never {
  const unused = (): never => {
    throw new Error('not asked for here');
  };
  return { ...Object.fromEntries(service.methods.map(({ localName }) => [localName, unused])), ...handlers } as never;
}

const fen = (amount_fen: number) => ({ amountFen: BigInt(amount_fen), currency: 'CNY' });
const WORDS = new Map<number, string>(Object.entries(OrderState).map(([word, value]) => [value, word]));

function messageOf(order: WorldOrder) {
  const items = order.items.map((item) => ({
    itemId: item.item_id, version: item.version, state: OrderState[item.state as keyof typeof OrderState], fare: fen(item.paid_fen), refunded: fen(item.refunded_fen), changed: item.changed,
    passengerType: item.child ? PassengerType.CHILD : PassengerType.ADULT, money: item.money.map(({ payment_id, amount_fen }) => ({ paymentId: payment_id, amount: fen(amount_fen) })), holdId: item.hold_id,
    journeyChange: { orderedDepartureTime: timestampFromMs(item.departure_ms), orderedArrivalTime: timestampFromMs(item.arrival_ms), seatGone: item.seat_gone },
    journey: { runId: item.run_id, departureTime: timestampFromMs(item.departs_ms), arrivalTime: timestampFromMs(item.arrives_ms), trainNo: item.ride.train_no, serviceDate: item.ride.service_date, fromStationName: item.ride.from_station, toStationName: item.ride.to_station },
  }));
  return { orderId: order.order_id, accountId: order.account_id, paymentId: order.payment_id, items };
}

const orderHandlers = partly(OrderService, {
  async getOrder({ orderId }: { orderId: string }) {
    return { order: messageOf(unwrap(await world.orderPort.find(orderId)) as WorldOrder) };
  },
  /** By the run of the first item, where the order was placed; newest first, and small pages, so that there are several. */
  async searchOrders({ runId, states, pageToken }: { runId: string; states: number[]; pageToken: string }) {
    const found = unwrap(world.answer('order.search', () => ok([...world.orders.values()].filter(({ items, order_id }) => items[0]!.run_id === runId && items.some(({ state }) => states.includes(OrderState[state as 'SUCCESS'])) && (pageToken === '' || BigInt(order_id) < BigInt(pageToken))))));
    const orders = found.toSorted((left, right) => (BigInt(left.order_id) < BigInt(right.order_id) ? 1 : -1)).slice(0, SEARCH_PAGE);
    return { orders: orders.map(messageOf), nextPageToken: found.length > SEARCH_PAGE ? orders.at(-1)!.order_id : '' };
  },
  async transitionItems(request: { requestId: string; orderId: string; cause: string; transitions: { itemId: string; version: bigint; to: number; closeReason: number; refunded?: { amountFen: bigint } }[] }) {
    const items = request.transitions.map(({ itemId, version, refunded }) => ({ item_id: itemId, version, refunded_fen: Number(refunded?.amountFen ?? 0n) }));
    unwrap(await world.orderPort.transition({ request_id: request.requestId, order_id: request.orderId, items, to: WORDS.get(request.transitions[0]!.to) as 'REFUND', cause: request.cause, run_cancelled: request.transitions[0]!.closeReason === CloseReason.RUN_CANCELLED }));
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

const notificationHandlers = partly(NotificationService, {
  async sendMessage({ messageKey, accountId, templateId, orderId, parameters }: { messageKey: string; accountId: string; templateId: string; orderId: string; parameters: Record<string, string> }) {
    unwrap(world.answer('notice', () => (world.messages.set(messageKey, { template_id: templateId, account_id: accountId, order_id: orderId, parameters }), ok())));
    return { messageId: '1' };
  },
});

export type Parts = Awaited<ReturnType<typeof startAllParts>>;

/** Aftersales on stores of its own, over everybody else as the world plays them. */
export async function startAllParts() {
  const [database, payment_database, nats, tokens] = await Promise.all([freshDatabase(), freshDatabase(), freshNats(), startTokens()]);
  await migrate(database.url, migrations, { log: silentLog() });
  await migrate(payment_database.url, [{ name: '0001', up: kitTables({ outbox: true }) }], { log: silentLog() });
  const serve = (service: 'order' | 'ticketing' | 'payment' | 'inventory' | 'notification', contract: Parameters<typeof implement>[0], handlers: never) =>
    startServer({ service, implementations: [implement(contract, handlers)], auth: { caller_keys: [caller_key] }, log: silentLog() });
  const [order, ticketing, payment, inventory, notification] = await Promise.all([
    serve('order', OrderService, orderHandlers), serve('ticketing', TicketingService, ticketHandlers), serve('payment', PaymentService, paymentHandlers), serve('inventory', InventoryService, inventoryHandlers), serve('notification', NotificationService, notificationHandlers),
  ]);
  const env = {
    MYSQL_URL_AFTERSALES: database.url, NATS_URL: nats.url, NATS_TOKEN: nats.token, JWKS_URL: tokens.jwks_url, CALLER_KEY: caller_key.toString('hex'),
    COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
    LOG_LEVEL: 'silent', JWT_ISSUER: TEST_ISSUER, JWT_AUDIENCE: TEST_AUDIENCE, NOTIFICATION_ADDRESS: notification.address, AFTERSALES_LOOK_MS: '50', AFTERSALES_PASS_MS: '200',
    ORDER_ADDRESS: order.address, PAYMENT_ADDRESS: payment.address, TICKETING_ADDRESS: ticketing.address, INVENTORY_ADDRESS: inventory.address, QUERY_ADDRESS: '127.0.0.1:1', IDENTITY_ADDRESS: '127.0.0.1:1',
    AFTERSALES_SWEEP_MS: '25', AFTERSALES_STEP_MS: '150', AFTERSALES_BACKOFF_MS: '20',
  };
  const config = readConfig(configSchema, env);
  const aftersales = await start(config);
  const db = await openDatabase({ url: database.url, service: 'test', log: silentLog() });
  const bus_db = await openDatabase({ url: payment_database.url, service: 'payment', log: silentLog() });
  const bus = await openBus({ url: nats.url, token: nats.token, prefix: '', log: silentLog(), service: 'payment' });
  const relay = startRelay({ db: bus_db, nats: bus, log: silentLog(), service: 'payment' });
  const as = async (account_id: string, roles = ['traveller']): Promise<CallOptions> => ({ metadata: await tokens.headersFor({ account_id, roles }), timeout_ms: 8000 });
  const parts = {
    aftersales, env, config, db, bus_db,
    client: createClient(RefundService, { default_timeout_ms: 60_000, address: aftersales.address, service: 'web' }),
    traveller: await as('1'), stranger: await as('2'), operator: await as('9', ['operator']),
    async stop(): Promise<void> {
      parts.client.close();
      await parts.aftersales.stop();
      await relay.stop();
      await Promise.all([order.stop(), ticketing.stop(), payment.stop(), inventory.stop(), notification.stop(), bus.close(), db.close(), bus_db.close(), tokens.stop()]);
      await Promise.all([database.stop(), payment_database.stop(), nats.stop()]);
    },
  };
  return parts;
}

/** An event as its owner would publish it; the same id is the same event. */
export async function publish<S extends DescMessage>(db: Database, stream: 'PAYMENT' | 'STOCK', key: string, schema: S, message: MessageInitShape<S>, event_id = id()): Promise<void> {
  const event = { stream, event_id, type: schema.typeName, version: 1n, key, occurred_at: new Date(), payload: toBinary(schema, create(schema, message)) };
  await db.transaction((tx) => appendEvents(tx, [event]));
}
