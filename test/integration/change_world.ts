/** Changes of trains among real services: travellers with tickets, and a driver of changes that may end anywhere. */
import type { ExecutionContext } from 'ava';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { OrderService, OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentService } from '#gen/rail/payment/v1/payment_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { ok } from '#kit/base/result.ts';
import { systemTimers } from '#kit/base/timers.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { createClient } from '#kit/rpc/client.ts';
import { unwrap } from '#kit/rpc/error.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import type { ChangeDeps } from '../../services/aftersales/app/change_ports.ts';
import { createChangeDriver } from '../../services/aftersales/app/drive_change.ts';
import type { UpgradeParts } from '../../services/aftersales/app/upgrade_ports.ts';
import { askQuote } from '../../services/aftersales/app/quote_change.ts';
import type { Change } from '../../services/aftersales/domain/change.ts';
import type { Wish } from '../../services/aftersales/domain/change_quote.ts';
import { changeOrdersOver } from '../../services/aftersales/rpc/peers/change_orders.ts';
import { changeMoneyOver, changePlacesOver, changeTicketsOver, timetableOver } from '../../services/aftersales/rpc/peers/change_peers.ts';
import { moneyOver, placesOver } from '../../services/aftersales/rpc/peers/others.ts';
import { standbyOrdersOver, standbySeatsOver } from '../../services/aftersales/rpc/peers/standby_peers.ts';
import { heldOver, upgradeNoticesOver } from '../../services/aftersales/rpc/peers/upgrade_peers.ts';
import { openChangeStore } from '../../services/aftersales/store/change_store.ts';
import { openRunNews } from '../../services/aftersales/store/run_news_store.ts';
import { openStandbyStore } from '../../services/aftersales/store/standby_store.ts';
import { openUpgradeStore } from '../../services/aftersales/store/upgrade_store.ts';
import { Buyer, type Clients } from '../crash/saga_buyer.ts';
import type { SagaWorld } from '../crash/saga_world.ts';
import { eventually } from '../support/processes.ts';
import type { TestRun } from './inventory_world.ts';

export const ACTOR = { account_id: '1', service: 'test', device_id: '', ip: '' };

export type Ticket = { buyer: Buyer; order_id: string; item_id: string };

/** So many tickets of a class, five in an order. */
export async function buyTickets(world: SagaWorld, clients: Clients, run: TestRun, count: number, seat_class: SeatClass = SeatClass.SECOND): Promise<Ticket[]> {
  const orders = await Promise.all(Array.from({ length: Math.ceil(count / 5) }, (_, index) => buyOrder(world, clients, run, Math.min(5, count - index * 5), seat_class)));
  return orders.flatMap(({ buyer, order }) => order.items.map(({ itemId }) => ({ buyer, order_id: order.orderId, item_id: itemId })));
}

export async function buyOrder(world: SagaWorld, clients: Clients, run: TestRun, passengers = 1, seat_class: SeatClass = SeatClass.SECOND) {
  const buyer = await Buyer.make(world, clients, run);
  const { orderId } = await buyer.order(passengers, seat_class);
  await buyer.pay(await buyer.openPayment(orderId));
  return { buyer, order: await buyer.until(orderId, OrderState.SUCCESS) };
}

/** Items and how many valid tickets each has: what a gate would let pass. */
export async function validTickets({ db }: SagaWorld, order_id: string): Promise<Record<string, number>> {
  const rows = await db.query<{ item_id: string; n: bigint }>("SELECT item_id, SUM(state IN ('VALID', 'USED')) AS n FROM chunyun_ticketing.ticket WHERE order_id = ? GROUP BY item_id", [BigInt(order_id)]);
  return Object.fromEntries(rows.map(({ item_id, n }) => [item_id, Number(n)]));
}

/** Seats of a run that somebody has on its first stretch. */
export async function seatsTaken({ db }: SagaWorld, run_id: string): Promise<number> {
  const [row] = await db.query<{ n: bigint }>('SELECT COUNT(*) AS n FROM chunyun_inventory.seat_ledger l JOIN chunyun_inventory.train_run r ON r.run_no = l.run_no WHERE r.run_id = ? AND l.occupied & 1 = 1', [run_id]);
  return Number(row!.n);
}

/** The store of aftersales and its way to others. */
async function openAfter({ env, lifecycle }: SagaWorld) {
  const log = silentLog();
  const db = await openDatabase({ url: env.MYSQL_URL_AFTERSALES!, service: 'aftersales', log });
  lifecycle.onStop('database of changes', () => db.close());
  const peer = <S extends Parameters<typeof createClient>[0]>(contract: S, address: string) => {
    const client = createClient(contract, { address, service: 'aftersales', caller_key: Buffer.from(env.CALLER_KEY!, 'hex') });
    lifecycle.onStop('client of changes', () => client.close());
    return client;
  };
  const keys = { keyring: createKeyring(JSON.parse(env.COLUMN_KEYS!)), index: createBlindIndex(env.BLIND_INDEX_KEY!) };
  // Far from the ids that the service itself has leased.
  const nextId = () => (next_id += 1n);
  return { log, peer, stores: { db, keys, clock: systemClock, nextId, step_ms: 60_000 } };
}

let next_id = BigInt(Date.now()) << 22n;

/** What aftersales works with, over real services; its own process must not run meanwhile. */
export async function changeDeps(world: SagaWorld): Promise<ChangeDeps> {
  const { env } = world;
  const { log, peer, stores } = await openAfter(world);
  const [payment, inventory] = [peer(PaymentService, env.PAYMENT_ADDRESS!), peer(InventoryService, env.INVENTORY_ADDRESS!)];
  return {
    store: openChangeStore(stores),
    orders: changeOrdersOver(peer(OrderService, env.ORDER_ADDRESS!)),
    timetable: timetableOver(peer(QueryService, env.QUERY_ADDRESS!)),
    places: changePlacesOver(inventory, placesOver(inventory)),
    tickets: changeTicketsOver(peer(TicketingService, env.TICKETING_ADDRESS!)),
    money: changeMoneyOver(payment, moneyOver(payment)),
    notices: { done: async () => ok(), givenUp: async () => ok() },
    clock: systemClock, timers: systemTimers, log,
    settings: { pay_window_ms: 600_000, force_close_ms: 300_000 },
  };
}

/** What upgrades work with beside it; the end of the process is for whoever wraps the ports. */
export async function upgradeParts(world: SagaWorld, changing: ChangeDeps): Promise<UpgradeParts> {
  const { log, peer, stores } = await openAfter(world);
  const [inventory, order] = [peer(InventoryService, world.env.INVENTORY_ADDRESS!), peer(OrderService, world.env.ORDER_ADDRESS!)];
  return {
    standbys: openStandbyStore(stores), upgrades: openUpgradeStore(stores), seats: standbySeatsOver(inventory), orders: standbyOrdersOver(order), runs: openRunNews(stores.db), held: heldOver(inventory), notices: upgradeNoticesOver(undefined),
    changes: changing.store, changing: createChangeDriver(changing), tickets_of: changing.orders, quotes: changing, clock: systemClock, timers: systemTimers, log, owner: 'test', onLocked: () => {},
  };
}

/** The row of a change at what it would cost now. */
export async function beginRow({ store, orders, timetable, tickets, clock }: ChangeDeps, wish: Wish): Promise<Change> {
  const { order, quote, fares } = unwrap(await askQuote({ clock, timetable, tickets, view: (order_id) => orders.find(order_id), at_counter: false }, wish));
  const items = quote.items.map((item) => ({ ...item, places: [], ticket_id: '' }));
  const body = { items, old_run_id: order.items.find(({ item_id }) => item_id === items[0]!.item_id)!.journey.run_id, journey: quote.journey, seat_class: quote.seat_class, preference: undefined, channel: order.channel, fares: [...fares], terms: quote.terms };
  return unwrap(await store.create({ request_id: uuid7(systemClock, systemRandom), body_hash: new Uint8Array(32), order_id: wish.order_id, account_id: order.account_id, body }, ACTOR));
}

export class Crash extends Error {}

/** Every call of a port, or those of the methods named, is a place where the process may end: just before it, or when its effect is there. */
export function crashing<P extends object>(port: P, at: { left: number }, methods?: readonly (keyof P)[]): P {
  return new Proxy(port, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== 'function' || methods?.includes(name as keyof P) === false) return method;
      return async (...args: unknown[]) => {
        if (at.left-- === 0) throw new Crash(`before ${String(name)}`);
        const result: unknown = await (method as (...rest: unknown[]) => unknown).apply(target, args);
        if (at.left-- === 0) throw new Crash(`after ${String(name)}`);
        return result;
      };
    },
  });
}

/** A driver whose process ends at a place; -1: at none. */
export function driverWith(deps: ChangeDeps, left: number): ReturnType<typeof createChangeDriver> {
  const at = { left };
  const { store, orders, places, tickets, money } = deps;
  return createChangeDriver({ ...deps, store: crashing(store, at), orders: crashing(orders, at), places: crashing(places, at), tickets: crashing(tickets, at), money: crashing(money, at) });
}

/**
 * Drives a change to its end, through processes of which the first one ends at a place: the next knows only what is stored.
 * `waiting` is what the traveller does while it waits for payment. True when it came to that place.
 */
export async function driveThrough(t: ExecutionContext, world: SagaWorld, deps: ChangeDeps, change: Change, place: number, waiting: (now: Change) => Promise<void>): Promise<boolean> {
  let driver = driverWith(deps, place);
  let crashed = false;
  let waited = false;
  return eventually(async () => {
    await driver.drive(change.change_id).catch((error: unknown) => {
      if (!(error instanceof Crash)) throw error;
      crashed = true;
      driver = driverWith(deps, -1);
    });
    t.true(Object.values(await validTickets(world, String(change.order_id))).every((n) => n === 1), `a ticket for everybody, one each, with a crash at ${place}`);
    const now = (await deps.store.find(change.change_id))!;
    if (now.stage === 'AWAIT_PAY' && !waited) {
      waited = true;
      await waiting(now);
    }
    return ['DONE', 'CANCELLED', 'REFUSED'].includes(now.stage) && { crashed };
  }).then((ended) => ended.crashed);
}

