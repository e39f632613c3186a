import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { OrderState, PriorityReason, QueueState } from '#gen/rail/order/v1/order_pb.ts';
import type { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { maybeFail, refuse } from './failures.ts';
import { changeOrder, orderNow, readOrders, writeOrders } from './orders.ts';
import type { PretendOrder } from './orders.ts';
import { readPassengers, toPassenger } from './people.ts';
import { takeLock } from './seats.ts';

type Entry = { entry_id: string; submit_ms: number; order: PretendOrder };

/** A queue that moves `pretend.rate` people a second and then makes an order. */
export const selling: Partial<ServiceImpl<typeof OrderService>> = {
  submitOrder(request) {
    maybeFail('SubmitOrder');
    const seats = request.seatLockId === '' ? [] : takeLock(request.seatLockId);
    const people = readPassengers().map(toPassenger);
    const order_id = String(7_000_000_000_000_000_000n + BigInt(Date.now()));
    const order = {
      order_id, run_id: request.runId, from: request.fromStationId, to: request.toStationId, create_ms: 0, change: request.acceptSameTrainChange,
      travellers: request.passengers.map(({ passengerId, passengerType, seatClasses }, index) => {
        const person = people.find((one) => one.passengerId === passengerId);
        return { passenger_id: passengerId, name: person?.nameMasked ?? '', id_number: person?.idNumberMasked ?? '', type: passengerType, seat_class: seatClasses[0] ?? SeatClass.SECOND, seat: seats[index] };
      }),
    };
    const entry: Entry = { entry_id: order_id, submit_ms: Date.now(), order };
    sessionStorage.setItem('pretend.entry', JSON.stringify(entry));
    return { status: statusNow(entry) };
  },
  getQueueStatus: () => ({ status: statusNow(entryOf()) }),
  async *watchQueue(_request, context: HandlerContext) {
    while (!context.signal.aborted) {
      yield { status: statusNow(entryOf()) };
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
  },
  leaveQueue: () => ({ status: { state: QueueState.LEFT } }),
  getOrder: ({ orderId }) => ({ order: orderNow(orderOf(orderId), Date.now()) }),
  listOrders: ({ states }) => ({ orders: readOrders().map((order) => orderNow(order, Date.now())).filter(({ state }) => states.length === 0 || states.includes(state)).toReversed() }),
  async *watchOrder({ orderId }, context: HandlerContext) {
    let state: OrderState | undefined;
    while (!context.signal.aborted) {
      const order = orderNow(orderOf(orderId), Date.now());
      if (order.state !== state) yield { order };
      state = order.state;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  },
  cancelOrder({ orderId }) {
    changeOrder(orderId, { cancel_ms: Date.now() });
    return { order: orderNow(orderOf(orderId), Date.now()) };
  },
};

export function orderOf(order_id: string): PretendOrder {
  const order = readOrders().find((one) => one.order_id === order_id);
  if (order === undefined) throw refuse('ORDER_NOT_FOUND');
  return order;
}

function entryOf(): Entry {
  const stored = sessionStorage.getItem('pretend.entry');
  if (stored === null) throw refuse('QUEUE_TOKEN_EXPIRED');
  return JSON.parse(stored) as Entry;
}

const PRIORITIES = [
  { priority: 0, reason: PriorityReason.ACCOMPANIED_NEED },
  { priority: 1, reason: PriorityReason.MEMBER, memberLevelFrom: 4 },
  { priority: 2, reason: PriorityReason.EVERYBODY },
];

function statusNow({ entry_id, submit_ms, order }: Entry) {
  const [first, rate] = (sessionStorage.getItem('pretend.queue') ?? '12 6').split(' ').map(Number) as [number, number];
  const waited_s = (Date.now() - submit_ms) / 1000;
  const ahead = Math.max(0, Math.ceil(first - waited_s * rate));
  const status = { queueToken: `token-${Math.floor(waited_s)}`, ahead, queueLength: first * 2 + 1, estimateMs: Math.round((ahead / Math.max(rate, 0.1)) * 1000), hopeless: first > 5_000, runId: order.run_id, priority: 2, priorityReason: PriorityReason.EVERYBODY, priorities: PRIORITIES };
  if (ahead > 0) return { ...status, state: QueueState.WAITING };
  if (waited_s < first / rate + 1) return { ...status, state: QueueState.PROCESSING };
  if (!readOrders().some(({ order_id }) => order_id === entry_id)) writeOrders([...readOrders(), { ...order, create_ms: Date.now() }]);
  return { ...status, state: QueueState.ORDERED, orderId: entry_id };
}
