/** The other services as changes of trains in a process of aftersales reach them. */
import { createHash } from 'node:crypto';
import { mapResult, ok, type Result } from '#kit/base/result.ts';
import type { ChangeDeps, DifferenceState, Replaced } from '../../../services/aftersales/app/change_ports.ts';
import type { OrderTickets } from '../../../services/aftersales/domain/change_quote.ts';
import { SYSTEM } from '../../../services/order/app/actor.ts';
import type { Hold } from '../../../services/order/app/peers.ts';
import { getOrder } from '../../../services/order/app/read_orders.ts';
import { transitionItems, type ItemTransition } from '../../../services/order/app/transition_items.ts';
import { itemIdOf, journeyOf, moneyIn, type Journey, type Order, type Seat, type SeatPart } from '../../../services/order/domain/order.ts';
import { journeyOn } from '../../../services/order/domain/sale.ts';
import { closePayments } from '../../../services/payment/app/close_payments.ts';
import { createDifference } from '../../../services/payment/app/create_payment.ts';
import type { Payment } from '../../../services/payment/domain/payment.ts';
import { issueTickets } from '../../../services/ticketing/app/issue_tickets.ts';
import { SEAT_CLASS } from '../line.ts';
import { asked, type Process } from '../process.ts';
import type { World } from '../world.ts';
import { CHANNEL } from './payment_node.ts';

export type ChangePeers = Pick<ChangeDeps, 'orders' | 'timetable' | 'places' | 'tickets' | 'money' | 'notices'>;

const READ_MS = 1000;
const WRITE_MS = 2000;
const GATEWAY_MS = 5000;
const ISSUE_MS = 8000;
const ACTOR = { ...SYSTEM, service: 'aftersales' };
const AUDITED = { account_id: '', service: 'aftersales', device_id: '', ip: '' };

export function changePeers(world: World, process: Process): ChangePeers {
  const peers: ChangePeers = {
    orders: ordersPeer(world, process),
    timetable: timetablePeer(world, process),
    places: placesPeer(world, process),
    tickets: ticketsPeer(world, process),
    money: moneyPeer(world, process),
    notices: { done: async () => ok(undefined), givenUp: async () => ok(undefined) },
  };
  return world.plant.change_peers?.(peers, world) ?? peers;
}

function ordersPeer(world: World, process: Process): ChangePeers['orders'] {
  const move = async (named: { request_id: string; order_id: string; cause: string }, transitions: ItemTransition[]): Promise<Result<undefined>> =>
    mapResult(await world.rpc(process, 'order', 'transition', WRITE_MS, ({ ports }) => transitionItems(ports, { ...named, transitions }, ACTOR)), () => undefined);
  return {
    find: async (order_id) => mapResult(await world.rpc(process, 'order', 'find', READ_MS, ({ ports }) => getOrder(ports, order_id, ACTOR)), ticketsOf),
    open: ({ items, journey, ...named }) => move(named, items.map((item) => ({ ...item, to: 'CHANGE', claim: journey, refunded_fen: 0 }))),
    giveBack: ({ items, ...named }) => move(named, items.map((item) => ({ ...item, to: 'SUCCESS', refunded_fen: 0 }))),
    replace: ({ items, ...named }) => move(named, items.map(({ item_id, version, ...replaced }) => ({ item_id, version, to: 'SUCCESS', replacement: replacementOf(replaced), refunded_fen: 0 }))),
  };
}

function replacementOf({ journey, places, hold_id, fare_fen, money, ticket_id }: Omit<Replaced, 'item_id' | 'version'>): NonNullable<ItemTransition['replacement']> {
  return { journey, seat: places[0]!.seat as Seat, seat_parts: places as SeatPart[], hold_id, fare_fen, money, ticket_id };
}

function timetablePeer(world: World, process: Process): ChangePeers['timetable'] {
  const { net, timetable } = world;
  return {
    run: (run_id) => asked(net.call(process, 'query.run', READ_MS, () => mapResult(timetable.run(run_id), ({ sale_state, stops }) => ({ sale_state, stops: stops.map(({ station_id }) => ({ station_id, city: '', sale_start_ms: undefined })) })))),
    quote: ({ run_id, from_station_id, to_station_id, seat_class, passenger_types }) => asked(net.call(process, 'query.quote', READ_MS, () => {
      const run = timetable.run(run_id);
      if (!run.ok) return run;
      return mapResult(journeyOn(run.value, from_station_id, to_station_id), (journey) => ({ journey, fares: passenger_types.map((passenger_type) => ({ seat_class, passenger_type, berth_level: '', fare_fen: timetable.fare(run_id, from_station_id, to_station_id) })) }));
    })),
  };
}

function placesPeer(world: World, process: Process): ChangePeers['places'] {
  const { net, inventory } = world;
  const call = <T>(label: string, effect: () => Result<T>): Promise<Result<T>> => asked(net.call(process, `inventory.${label}`, WRITE_MS, effect));
  return {
    async hold({ change_id, order_id, journey, items }, hold_id) {
      const passengers = items.map(({ item_no, passenger_type }) => ({ item_no, passenger_type: passenger_type as 'ADULT', seat_classes: [SEAT_CLASS as 'SECOND'] }));
      const held = await call('hold', () => inventory.hold({ hold_id, journey: journey as Journey, passengers }, `change ${change_id}`));
      if (!held.ok) return held;
      const attached = await call('attach', () => inventory.attach({ hold_id, order_id: String(order_id) }));
      return attached.ok ? ok(placesIn(held.value)) : attached;
    },
    sell: (hold) => call('sell', () => inventory.sell(hold)),
    release: ({ hold_id, run_id, item_nos }) => call('release', () => inventory.release(hold_id, run_id, item_nos)),
  };
}

function placesIn({ places }: Hold) {
  return places.map(({ item_no, parts }) => ({ item_no, places: parts.map((part) => ({ ...part, seat: { ...part.seat, berth_level: '' } })) }));
}

function ticketsPeer(world: World, process: Process): ChangePeers['tickets'] {
  return {
    valid: async (order_id) => mapResult(await world.rpc(process, 'ticketing', 'list', READ_MS, async ({ store }) => ok(await store.ofOrder(BigInt(order_id)))), (tickets) => new Set(tickets.filter(({ state }) => state === 'VALID').map(({ item_id }) => item_id))),
    async swap({ order_id, account_id, journey }, items) {
      const wanted = { order_id, account_id, replaces: true, items: items.map(({ item_id, now_version, passenger_id, passenger_type, places }) => ({ item_id, version: BigInt(now_version), passenger_id, passenger_type: passenger_type as 'ADULT', seat_parts: places as (SeatPart & { seat: { berth_level: '' } })[], journey: journey as Journey })) };
      const issued = await world.rpc(process, 'ticketing', 'issue', ISSUE_MS, async (node) => (await issueTickets(node, [wanted], AUDITED))[0]!);
      return mapResult(issued, ({ state, tickets, failure_reason }) => ({
        outcome: state === 'ISSUED' ? ('ISSUED' as const) : state === 'FAILED' ? ('FAILED' as const) : ('PENDING' as const),
        reason: failure_reason,
        tickets: tickets.map(({ item_id, ticket_id }) => ({ item_id, ticket_id: String(ticket_id) })),
      }));
    },
  };
}

function moneyPeer(world: World, process: Process): ChangePeers['money'] {
  return {
    async open({ request_id, order_id, change_id, amount_fen, expire_ms }) {
      const body_hash = createHash('sha256').update(JSON.stringify([order_id, change_id, amount_fen, expire_ms])).digest();
      const actor = { ...AUDITED, request_id, method: 'CreatePayment', body_hash };
      const owner = (id: string): Promise<Result<bigint>> => world.rpc(process, 'order', 'owner', READ_MS, async ({ ports }) => mapResult(await getOrder(ports, id, { ...SYSTEM, service: 'payment' }), ({ account_id }) => BigInt(account_id)));
      const wanted = { order_id, change_id, amount_fen, expire_time_ms: expire_ms, return_path: `/orders/${order_id}` };
      const opened = await world.rpc(process, 'payment', 'difference', GATEWAY_MS, ({ payments, gateway, process: there }) => createDifference({ store: payments, gateway, clock: there.clock, channels: () => [CHANNEL], orders: { owner } }, wanted, actor));
      return mapResult(opened, (payment) => ({ payment_id: String(payment.payment_id), state: stateOf(payment) }));
    },
    state: (payment_id) => world.rpc(process, 'payment', 'find', READ_MS, async ({ payments }) => {
      const payment = await payments.find(BigInt(payment_id));
      return payment === undefined ? { ok: false, error: { reason: 'PAYMENT_NOT_FOUND' } } : ok(stateOf(payment));
    }),
    settle: async ({ payment_id, accepted, reason }) => mapResult(await world.rpc(process, 'payment', 'settle', WRITE_MS, async ({ payments, actor }) => (await payments.settle([{ payment_id: BigInt(payment_id), accepted, reason }], actor))[0]!), () => undefined),
    close: async ({ order_id, change_id, force }) => mapResult(await world.rpc(process, 'payment', 'close', GATEWAY_MS, ({ payments, gateway }) => closePayments({ store: payments, gateway }, { order_id: BigInt(order_id), change_id, force })), ({ paid, closed }) => ({ paid: paid !== undefined, closed })),
    refund: async ({ refund_id, payment_id, amount_fen, reason }) => mapResult(await world.rpc(process, 'payment', 'refund', GATEWAY_MS, ({ refunds, actor }) => refunds.create({ refund_id, payment_id: BigInt(payment_id), amount_fen, reason }, actor)), ({ state }) => state),
  };
}

function stateOf({ state }: Payment): DifferenceState {
  return state === 'SUCCEEDED' || state === 'CLOSED' ? state : 'OPEN';
}

/** An order as changes read it from the contract. */
export function ticketsOf(order: Order): OrderTickets {
  const items = order.items.map((item) => ({
    item_id: itemIdOf(order.order_id, item.item_no),
    item_no: item.item_no,
    version: item.version,
    state: item.state,
    changed: item.changed,
    passenger_id: item.passenger_id,
    passenger_type: item.passenger_type,
    seat_class: item.seat.seat_class,
    hold_id: item.hold_id,
    paid_fen: item.fare_fen - item.refunded_fen,
    money: moneyIn(order, item),
    journey: journeyOf(order, item),
  }));
  return { order_id: order.order_id, account_id: order.account_id, channel: order.channel, items };
}
