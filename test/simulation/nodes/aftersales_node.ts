/** A process of the aftersales service: refunds. */
import { mapResult, ok, type Result } from '#kit/base/result.ts';
import { SnowflakeGenerator, WORKERS } from '#kit/base/snowflake.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { CreateRefundDeps } from '../../../services/aftersales/app/create_refund.ts';
import { createDriver } from '../../../services/aftersales/app/drive_refund.ts';
import type { OrderFacts } from '../../../services/aftersales/domain/quote.ts';
import { SYSTEM } from '../../../services/order/app/actor.ts';
import { getOrder } from '../../../services/order/app/read_orders.ts';
import { transitionItems } from '../../../services/order/app/transition_items.ts';
import { itemIdOf, journeyOf, type Order } from '../../../services/order/domain/order.ts';
import { voidTickets } from '../../../services/ticketing/app/void_tickets.ts';
import { memoryAftersalesStore } from '../memory/aftersales_store.ts';
import type { SimEvent } from '../memory/bus.ts';
import type { Refund as MoneyRefund } from '../../../services/payment/domain/refund.ts';
import { asked, type Process } from '../process.ts';
import { startSweeper } from '../sweeper.ts';
import type { World } from '../world.ts';

export type AftersalesNode = Omit<CreateRefundDeps, 'view'> & { process: Process; takeEvent(event: SimEvent): Promise<void> };

const STEP_MS = 8000;
const READ_MS = 1000;
const RELEASE_MS = 2000;
const WRITE_MS = 5000;
const ACTOR = { ...SYSTEM, service: 'aftersales' };

export function startAftersales(world: World, process: Process, worker: number): AftersalesNode {
  const { net, aftersales_db: db, inventory } = world;
  const { clock, timers } = process;
  const mysql = world.stores.aftersales;
  const ids = new SnowflakeGenerator({ clock, worker: worker % WORKERS, after_ms: 0 });
  const store = net.stored(process, mysql, memoryAftersalesStore(db, { now_ms: clock.now_ms, nextId: (gene) => ids.next(gene), step_ms: STEP_MS }));
  const log = { warn: noteOf(world, process), error: noteOf(world, process), info: () => undefined } as unknown as Log;
  const driver = createDriver({
    store, clock, timers, log,
    orders: {
      find: async (order_id) => mapResult(await world.rpc(process, 'order', 'find', READ_MS, ({ ports }) => getOrder(ports, order_id, ACTOR)), factsOf),
      async transition({ request_id, order_id, items, to, cause }) {
        const transitions = items.map(({ item_id, version, refunded_fen }) => ({ item_id, version: Number(version), to, refunded_fen, ...(to === 'CLOSED' ? { close_reason: 'REFUNDED' as const } : {}) }));
        return mapResult(await world.rpc(process, 'order', 'transition', WRITE_MS, ({ ports }) => transitionItems(ports, { request_id, order_id, transitions, cause }, ACTOR)), () => undefined);
      },
    },
    tickets: { void: async (order_id, item_ids, reason) => mapResult(await world.rpc(process, 'ticketing', 'void', WRITE_MS, (node) => voidTickets(node, { order_id: BigInt(order_id), item_ids, reason }, { account_id: '', service: 'aftersales', device_id: '', ip: '' })), () => undefined) },
    money: {
      refund: async ({ refund_id, payment_id, amount_fen, reason }) => mapResult(await world.rpc(process, 'payment', 'refund', WRITE_MS, ({ refunds, actor }) => refunds.create({ refund_id, payment_id: BigInt(payment_id), amount_fen, reason }, actor)), ({ state }) => state),
      state: async (refund_id) => world.rpc(process, 'payment', 'refundState', READ_MS, async ({ refunds }) => ok((await refunds.find(refund_id))?.state ?? 'DUE')),
    },
    places: { release: ({ hold_id, run_id, item_nos }): Promise<Result<undefined>> => asked(net.call(process, 'inventory.release', RELEASE_MS, () => inventory.release(hold_id, run_id, item_nos))) },
  });
  startSweeper({ net, process, store: mysql, table: db.due, handle: (refund_id) => driver.drive(BigInt(refund_id)) });
  return { process, store, tokens: world.quote_tokens, clock, driver, takeEvent: (event) => takeEvent(world, process, event) };
}

async function takeEvent(world: World, process: Process, event: SimEvent): Promise<void> {
  if (event.type !== 'RefundSucceeded' && event.type !== 'RefundNeedsPeople') return;
  const { refund_id } = event.payload as MoneyRefund;
  const { net, aftersales_db: db } = world;
  await net.ask(process, world.stores.aftersales, 'event', () => {
    if (db.inbox.has(event.event_id)) return;
    db.noteMoney(refund_id, event.type === 'RefundSucceeded');
    db.inbox.add(event.event_id);
  });
}

/** An order as aftersales reads it from the contract. */
export function factsOf(order: Order): OrderFacts {
  const items = order.items.map((item) => ({
    item_id: itemIdOf(order.order_id, item.item_no),
    item_no: item.item_no,
    version: BigInt(item.version),
    state: item.state,
    paid_fen: item.fare_fen - item.refunded_fen,
    departure_ms: journeyOf(order, item).departure_ms,
    hold_id: item.hold_id,
    run_id: journeyOf(order, item).run_id,
  }));
  return { order_id: order.order_id, account_id: order.account_id, payment_id: order.payment_id ?? '', items };
}

function noteOf(world: World, process: Process) {
  return (fields: { error?: unknown }, message: string): void => world.scheduler.note(process.name, `… ${message}${fields.error === undefined ? '' : `: ${String(fields.error)}`}`);
}
