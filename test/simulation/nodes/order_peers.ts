/** The other services as a process of order reaches them. */
import { fail, mapResult, ok, type Result } from '#kit/base/result.ts';
import type { Peers, Payment as PeerPayment } from '../../../services/order/app/peers.ts';
import { itemIdOf, journeyOf } from '../../../services/order/domain/order.ts';
import { closePayments } from '../../../services/payment/app/close_payments.ts';
import type { Payment } from '../../../services/payment/domain/payment.ts';
import { issueTickets } from '../../../services/ticketing/app/issue_tickets.ts';
import { SEAT_CLASS } from '../line.ts';
import { asked, type Process } from '../process.ts';
import type { World } from '../world.ts';
import type { PaymentNode } from './payment_node.ts';

const HOLD_MS = 3000;
const WRITE_MS = 2000;
const READ_MS = 1000;
const GATEWAY_MS = 5000;
const ISSUE_MS = 8000;

export function orderPeers(world: World, process: Process): Peers {
  const { plant } = world;
  const inventory = inventoryPeer(world, process);
  const payments = paymentPeer(world, process);
  return {
    inventory: plant.inventory?.(inventory, world) ?? inventory,
    payments: plant.payments_peer?.(payments, world) ?? payments,
    ticketing: ticketingPeer(world, process),
    identity: { resolve: async (_actor, passenger_ids) => ok(passenger_ids.map((passenger_id) => ({ passenger_id, verified: true, rejected: false, person: world.personOf(passenger_id), name_masked: '张*', id_number_masked: '1****4', passenger_type: 'ADULT' as const }))) },
    timetable: {
      run: async (_actor, run_id) => world.timetable.run(run_id),
      quote: async (_actor, { run_id, from_station_id, to_station_id }) => ok([{ seat_class: SEAT_CLASS, passenger_type: 'ADULT', fare_fen: world.timetable.fare(run_id, from_station_id, to_station_id) }]),
    },
    risk: { assess: async () => ok() },
  };
}

function inventoryPeer(world: World, process: Process): Peers['inventory'] {
  const { net, inventory } = world;
  const call = <T>(label: string, ms: number, effect: () => Result<T>): Promise<Result<T>> => asked(net.call(process, `inventory.${label}`, ms, effect));
  return {
    holdMany: (requests) => net.call(process, 'inventory.hold', HOLD_MS, () => requests.map((request) => inventory.hold(request))),
    attach: (order) => call('attach', WRITE_MS, () => inventory.attach(order)),
    release: ({ hold_id, run_id, item_nos }) => call('release', WRITE_MS, () => inventory.release(hold_id, run_id, item_nos)),
    sell: (order) => call('sell', WRITE_MS, () => inventory.sell(order)),
    free: (run_id, stretches) => net.call(process, 'inventory.free', READ_MS, () => inventory.free(run_id, stretches)),
    stocks: (run_ids) => net.call(process, 'inventory.stocks', READ_MS, () => inventory.stocks(run_ids)),
    findLock: async () => fail('HOLD_NOT_FOUND'),
    findHeld: ({ hold_id }) => call('findHeld', READ_MS, () => inventory.findHeld(hold_id)),
    extendLock: async () => fail('HOLD_NOT_FOUND'),
    releaseLock: async () => ok(undefined),
  };
}

function paymentPeer(world: World, process: Process): Peers['payments'] {
  const at = <T>(label: string, ms: number, handle: (node: PaymentNode) => Promise<Result<T>>): Promise<Result<T>> => world.rpc(process, 'payment', label, ms, handle);
  return {
    list: async (order_id) => mapResult(await at('list', READ_MS, async ({ payments }) => ok(await payments.ofOrder(BigInt(order_id)))), (found) => found.map(peerPayment)),
    async close(order_id, force) {
      const closed = await at('close', GATEWAY_MS, ({ payments, gateway }) => {
        if (force) world.oracle.forced(order_id);
        return closePayments({ store: payments, gateway }, { order_id: BigInt(order_id), force });
      });
      return mapResult(closed, (answer) => ({ paid: answer.paid === undefined ? undefined : peerPayment(answer.paid), closed: answer.closed }));
    },
    settle: async ({ payment_id, accepted, reason }) => mapResult(await at('settle', WRITE_MS, async ({ payments, actor }) => (await payments.settle([{ payment_id: BigInt(payment_id), accepted, reason }], actor))[0]!), () => undefined),
    refund: async ({ refund_id, payment_id, amount_fen, reason }) => mapResult(await at('refund', GATEWAY_MS, ({ refunds, actor }) => refunds.create({ refund_id, payment_id: BigInt(payment_id), amount_fen, reason }, actor)), ({ state }) => state),
    refundState: async (refund_id) => at('refundState', READ_MS, async ({ refunds }) => {
      const refund = await refunds.find(refund_id);
      return refund === undefined ? fail('REFUND_NOT_FOUND') : ok(refund.state);
    }),
  };
}

function ticketingPeer(world: World, process: Process): Peers['ticketing'] {
  return {
    // The railway changes no run here.
    keep: async () => ok(undefined),
    async issue(order) {
      const items = order.items.map((item) => ({ item_id: itemIdOf(order.order_id, item.item_no), version: BigInt(item.version), passenger_id: item.passenger_id, passenger_type: item.passenger_type, seat_parts: item.seat_parts.map((part) => ({ ...part, seat: { ...part.seat, berth_level: '' } })), journey: journeyOf(order, item) }));
      const wanted = { order_id: BigInt(order.order_id), account_id: BigInt(order.account_id), items };
      const issued = await world.rpc(process, 'ticketing', 'issue', ISSUE_MS, async (node) => (await issueTickets(node, [wanted], TICKETING_ACTOR))[0]!);
      return mapResult(issued, ({ state, tickets, failure_reason }) => ({
        outcome: state === 'ISSUED' ? ('ISSUED' as const) : state === 'FAILED' ? ('FAILED' as const) : ('PENDING' as const),
        tickets: tickets.map(({ item_id, ticket_id }) => ({ item_no: Number(item_id.slice(item_id.lastIndexOf('-') + 1)), ticket_id: String(ticket_id) })),
        reason: failure_reason,
      }));
    },
  };
}

export const TICKETING_ACTOR = { account_id: '', service: 'order', device_id: '', ip: '' };

function peerPayment({ payment_id, kind, state, amount_fen, refunded_fen }: Payment): PeerPayment {
  return { payment_id: String(payment_id), kind, state, amount_fen, refunded_fen };
}
