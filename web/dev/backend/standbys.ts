import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { StandbySchema, StandbyState } from '#gen/rail/aftersales/v1/standby_pb.ts';
import type { Standby, StandbyService, StandbyWish } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { maybeFail, refuse } from './failures.ts';
import { orderNow, readOrders, writeOrders } from './orders.ts';
import { readPassengers, toPassenger } from './people.ts';

type Asked = { standby_id: string; create_ms: number; deadline_ms: number; wishes: Pick<StandbyWish, 'runId' | 'fromStationId' | 'toStationId' | 'seatClasses' | 'acceptSameTrainChange'>[]; passenger_ids: string[]; cancelled?: boolean };

/**
 * Standbys of the tab. `sessionStorage['pretend.standby'] = '2'` has somebody give seats back two seconds after the request,
 * `'never'` nobody, and `'fail SOLD_OUT'` ends them at once.
 */
export const standbys: Partial<ServiceImpl<typeof StandbyService>> = {
  estimateStandby({ wishes, passengerCount }) {
    maybeFail('EstimateStandby');
    const places = wishes.map((wish, index) => ({ wish, requestsAhead: index * 3, passengersAhead: index * 5, odds: oddsOf(index, passengerCount) }));
    return { places, odds: 1 - places.reduce((none, { odds }) => none * (1 - odds), 1) };
  },
  createStandby({ requestId, wishes, passengerIds, deadline }) {
    maybeFail('CreateStandby');
    const known = read();
    const standby_id = String(6_000_000_000_000_000_000n + BigInt(`0x${requestId.replaceAll('-', '').slice(0, 12)}`));
    const asked: Asked = { standby_id, create_ms: Date.now(), deadline_ms: deadline === undefined ? 0 : timestampMs(deadline), passenger_ids: passengerIds, wishes: wishes.map(({ runId, fromStationId, toStationId, seatClasses, acceptSameTrainChange }) => ({ runId, fromStationId, toStationId, seatClasses, acceptSameTrainChange })) };
    if (known.every((other) => other.standby_id !== standby_id)) write([...known, asked]);
    return { standby: standbyNow(asked) };
  },
  getStandby: ({ standbyId }) => ({ standby: standbyNow(find(standbyId)) }),
  listStandbys: () => ({ standbys: read().map(standbyNow).toReversed() }),
  cancelStandby({ standbyId }) {
    write(read().map((one) => (one.standby_id === standbyId ? { ...one, cancelled: true } : one)));
    return { standby: standbyNow(find(standbyId)) };
  },
  async *watchStandby({ standbyId }, context: HandlerContext) {
    while (!context.signal.aborted) {
      yield { standby: standbyNow(find(standbyId)) };
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  },
};

function standbyNow(asked: Asked): Standby {
  const { state, reason = '', order_id = '' } = stateOf(asked);
  const waits = state === StandbyState.PENDING || state === StandbyState.MATCHING;
  const passed_s = (Date.now() - asked.create_ms) / 1000;
  const places = asked.wishes.map((wish, index) => {
    const ahead = waits ? Math.max(0, Math.round(4 + index * 3 - passed_s / 2)) : 0;
    return { wish, requestsAhead: ahead, passengersAhead: ahead * 2, odds: waits ? oddsOf(index, asked.passenger_ids.length) : 0 };
  });
  return create(StandbySchema, {
    standbyId: asked.standby_id, places, passengerIds: asked.passenger_ids, state, deadline: timestampFromMs(asked.deadline_ms), orderId: order_id, version: BigInt(state), createTime: timestampFromMs(asked.create_ms), reason,
    upgradeOfOrderId: sessionStorage.getItem('pretend.upgrade') ?? '', priority: asked.passenger_ids.length >= 3 ? 2 : 3,
  });
}

function stateOf({ cancelled = false, create_ms, standby_id, wishes, passenger_ids }: Asked): { state: StandbyState; reason?: string; order_id?: string } {
  const [word = 'never', reason] = (sessionStorage.getItem('pretend.standby') ?? '8').split(' ');
  if (cancelled) return { state: StandbyState.FAIL, reason: 'CANCELLED' };
  if (word === 'fail') return { state: StandbyState.FAIL, reason };
  const order_id = standby_id.replace(/^6/, '7');
  const passed_s = (Date.now() - create_ms) / 1000 - Number(word);
  if (word === 'never' || passed_s < 0) return { state: StandbyState.PENDING };
  if (passed_s < 1) return { state: passed_s < 0.5 ? StandbyState.MATCHING : StandbyState.LOCKED };
  if (readOrders().every((order) => order.order_id !== order_id)) writeOrders([...readOrders(), orderFor(order_id, wishes[0]!, passenger_ids)]);
  const order = orderNow(readOrders().find((one) => one.order_id === order_id)!, Date.now());
  if (order.state === OrderState.SUCCESS) return { state: StandbyState.SUCCESS, order_id };
  return order.state === OrderState.CLOSED ? { state: StandbyState.FAIL, reason: 'ORDER_NOT_PAYABLE', order_id } : { state: StandbyState.AWAIT_PAY, order_id };
}

function orderFor(order_id: string, wish: Asked['wishes'][number], passenger_ids: string[]) {
  const people = readPassengers().map(toPassenger);
  const travellers = passenger_ids.map((passenger_id) => {
    const person = people.find(({ passengerId }) => passengerId === passenger_id);
    return { passenger_id, name: person?.nameMasked ?? '', id_number: person?.idNumberMasked ?? '', type: PassengerType.ADULT, seat_class: wish.seatClasses[0] ?? SeatClass.SECOND };
  });
  return { order_id, run_id: wish.runId, from: wish.fromStationId, to: wish.toStationId, create_ms: Date.now(), change: false, travellers };
}

/** The more one wishes and the more travel, the less for each. */
function oddsOf(index: number, people: number): number {
  return Math.max(0.02, 0.62 / (index * 0.8 + 1) / Math.max(1, people * 0.7));
}

function find(standby_id: string): Asked {
  const found = read().find((one) => one.standby_id === standby_id);
  if (found === undefined) throw refuse('STANDBY_NOT_FOUND');
  return found;
}

function read(): Asked[] {
  return JSON.parse(sessionStorage.getItem('pretend.standbys') ?? '[]') as Asked[];
}

function write(asked: Asked[]): void {
  sessionStorage.setItem('pretend.standbys', JSON.stringify(asked));
}
