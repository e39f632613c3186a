/** A process of the aftersales service: refunds and changes of trains. */
import { mapResult, ok, type Result } from '#kit/base/result.ts';
import { SnowflakeGenerator, WORKERS } from '#kit/base/snowflake.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { CreateRefundDeps } from '../../../services/aftersales/app/create_refund.ts';
import type { ChangeDeps } from '../../../services/aftersales/app/change_ports.ts';
import { createChangeDriver, type ChangeDriver } from '../../../services/aftersales/app/drive_change.ts';
import { createDriver } from '../../../services/aftersales/app/drive_refund.ts';
import type { StepDeps } from '../../../services/aftersales/app/steps.ts';
import type { OrderFacts } from '../../../services/aftersales/domain/quote.ts';
import { FREE_DELAY_MS } from '../../../services/aftersales/domain/run_news.ts';
import { SYSTEM } from '../../../services/order/app/actor.ts';
import { getOrder } from '../../../services/order/app/read_orders.ts';
import { transitionItems } from '../../../services/order/app/transition_items.ts';
import { itemIdOf, journeyOf, moneyIn, type Journey, type Order } from '../../../services/order/domain/order.ts';
import { voidTickets } from '../../../services/ticketing/app/void_tickets.ts';
import { memoryAftersalesStore, type AftersalesDb } from '../memory/aftersales_store.ts';
import type { SimEvent } from '../memory/bus.ts';
import { memoryChangeStore, noteDifference } from '../memory/change_store.ts';
import type { Payment } from '../../../services/payment/domain/payment.ts';
import type { Refund as MoneyRefund } from '../../../services/payment/domain/refund.ts';
import { asked, type Process } from '../process.ts';
import { startSweeper } from '../sweeper.ts';
import type { World } from '../world.ts';
import { changePeers } from './change_peers.ts';
import { startStandby, type StandbyNode } from './standby_node.ts';

export type AftersalesNode = Omit<CreateRefundDeps, 'view'> & { process: Process; changes: ChangeDeps & { driver: ChangeDriver }; standby: StandbyNode; takeEvent(event: SimEvent): Promise<void> };

const STEP_MS = 8000;
const READ_MS = 1000;
const RELEASE_MS = 2000;
const WRITE_MS = 5000;
/** As orders have it here: two minutes to pay and one to wait for the gateway. */
const PAY_WINDOW_MS = 120_000;
const FORCE_CLOSE_MS = 60_000;
const ACTOR = { ...SYSTEM, service: 'aftersales' };

export function startAftersales(world: World, process: Process, worker: number): AftersalesNode {
  const { net, aftersales_db: db, plant } = world;
  const { clock, timers } = process;
  const mysql = world.stores.aftersales;
  const ids = new SnowflakeGenerator({ clock, worker: worker % WORKERS, after_ms: 0 });
  const options = { now_ms: clock.now_ms, nextId: (gene: number) => ids.next(gene), step_ms: STEP_MS };
  const store = net.stored(process, mysql, memoryAftersalesStore(db, options), labelled('refund'));
  const log = { warn: noteOf(world, process), error: noteOf(world, process), info: () => undefined } as unknown as Log;
  const peers = refundPeers(world, process);
  const driver = createDriver({ store, clock, timers, log, ...(plant.refund_peers?.(peers, world) ?? peers) });
  const plain = memoryChangeStore(db, options);
  const changes: ChangeDeps = { ...changePeers(world, process), store: net.stored(process, mysql, plant.changes?.(plain, db) ?? plain, labelled('change')), clock, timers, log, settings: { pay_window_ms: PAY_WINDOW_MS, force_close_ms: FORCE_CLOSE_MS } };
  const change_driver = createChangeDriver(changes);
  const sweep = { net, process, store: mysql };
  startSweeper({ ...sweep, table: db.due, handle: (refund_id) => driver.drive(BigInt(refund_id)) });
  startSweeper({ ...sweep, table: db.changes_due, handle: (change_id) => change_driver.drive(BigInt(change_id)) });
  return {
    process, store, tokens: world.quote_tokens, clock, driver, runs: { cancelledOf: async () => new Set() }, free_delay_ms: FREE_DELAY_MS,
    changes: { ...changes, driver: change_driver }, standby: startStandby(world, process, { log, nextId: options.nextId }), takeEvent: (event) => takeEvent(world, process, event),
  };
}

/** Steps are told apart by the stage that they lead to. */
function labelled(what: string) {
  return (name: string, args: unknown[]): string => (name === 'move' ? `${what} → ${String(args[2])}` : `${what} ${name}`);
}

export type RefundPeers = Pick<StepDeps, 'orders' | 'tickets' | 'money' | 'places'>;

function refundPeers(world: World, process: Process): RefundPeers {
  const { net, inventory } = world;
  return {
    orders: {
      find: async (order_id) => mapResult(await world.rpc(process, 'order', 'find', READ_MS, ({ ports }) => getOrder(ports, order_id, ACTOR)), factsOf),
      async transition({ request_id, order_id, items, to, cause, run_cancelled }) {
        const transitions = items.map(({ item_id, version, refunded_fen }) => ({ item_id, version: Number(version), to, refunded_fen, ...(to === 'CLOSED' ? { close_reason: run_cancelled ? ('RUN_CANCELLED' as const) : ('REFUNDED' as const) } : {}) }));
        return mapResult(await world.rpc(process, 'order', 'transition', WRITE_MS, ({ ports }) => transitionItems(ports, { request_id, order_id, transitions, cause }, ACTOR)), () => undefined);
      },
    },
    tickets: { void: async (order_id, item_ids, reason) => mapResult(await world.rpc(process, 'ticketing', 'void', WRITE_MS, (node) => voidTickets(node, { order_id: BigInt(order_id), item_ids, reason }, { account_id: '', service: 'aftersales', device_id: '', ip: '' })), () => undefined) },
    money: {
      refund: async ({ refund_id, payment_id, amount_fen, reason }) => mapResult(await world.rpc(process, 'payment', 'refund', WRITE_MS, ({ refunds, actor }) => refunds.create({ refund_id, payment_id: BigInt(payment_id), amount_fen, reason }, actor)), ({ state }) => state),
      state: async (refund_id) => world.rpc(process, 'payment', 'refundState', READ_MS, async ({ refunds }) => ok((await refunds.find(refund_id))?.state ?? 'DUE')),
    },
    places: { release: ({ hold_id, run_id, item_nos }): Promise<Result<undefined>> => asked(net.call(process, 'inventory.release', RELEASE_MS, () => inventory.release(hold_id, run_id, item_nos))) },
  };
}

async function takeEvent(world: World, process: Process, event: SimEvent): Promise<void> {
  const { net, aftersales_db: db } = world;
  const effect = effectOf(event);
  if (effect === undefined) return;
  await net.ask(process, world.stores.aftersales, 'event', () => {
    if (db.inbox.has(event.event_id)) return;
    effect(db);
    db.inbox.add(event.event_id);
  });
}

function effectOf({ type, payload }: SimEvent): ((db: AftersalesDb) => void) | undefined {
  if (type === 'RefundSucceeded' || type === 'RefundNeedsPeople') return (db) => void db.noteMoney((payload as MoneyRefund).refund_id, type === 'RefundSucceeded');
  if (type !== 'PaymentSucceeded' && type !== 'PaymentClosed') return undefined;
  const { payment_id, kind } = payload as Payment;
  return kind === 'CHANGE_DIFFERENCE' ? (db) => void noteDifference(db, String(payment_id)) : undefined;
}

/** An order as aftersales reads it from the contract. */
export function factsOf(order: Order): OrderFacts {
  const items = order.items.map((item) => ({
    item_id: itemIdOf(order.order_id, item.item_no),
    item_no: item.item_no,
    version: BigInt(item.version),
    state: item.state,
    paid_fen: item.fare_fen - item.refunded_fen,
    money: moneyIn(order, item),
    child: item.passenger_type === 'CHILD',
    changed: item.changed,
    hold_id: item.hold_id,
    ...journeyFacts(journeyOf(order, item)),
  }));
  return { order_id: order.order_id, account_id: order.account_id, payment_id: order.payment_id ?? '', items };
}

function journeyFacts({ run_id, departure_ms, arrival_ms, train_no, service_date, from_station_name, to_station_name }: Journey) {
  return { run_id, departure_ms, arrival_ms, departs_ms: departure_ms, arrives_ms: arrival_ms, seat_gone: false, ride: { train_no, service_date, from_station: from_station_name, to_station: to_station_name } };
}

function noteOf(world: World, process: Process) {
  return (fields: { error?: unknown }, message: string): void => world.scheduler.note(process.name, `… ${message}${fields.error === undefined ? '' : `: ${String(fields.error)}`}`);
}
