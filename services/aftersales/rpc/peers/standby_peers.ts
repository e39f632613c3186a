/** The other services as standby needs them. */
import { createHash } from 'node:crypto';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { IdentityService, VerifyState } from '#gen/rail/identity/v1/identity_pb.ts';
import { HoldOwner, type InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { CloseReason, OrderState, type OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { SaleState, type QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { Channel, PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { Clock } from '#kit/base/clock.ts';
import { fail, mapResult, ok, type Result } from '#kit/base/result.ts';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { ask, own } from '#kit/rpc/peer.ts';
import { runBuckets } from '#kit/rpc/run_buckets.ts';
import { outcomeFailure } from '#kit/rpc/status.ts';
import type { MatchedOrder, StandbyOrders, StandbyPeople, StandbySeats, StandbyTimetable } from '../../app/standby_ports.ts';
import { matchHoldId, type PassengerType as TypeWord, type Standby, type Wish } from '../../domain/standby.ts';

const READ_MS = 1000;
const WRITE_MS = 2000;

export function classWord(value: SeatClass): string {
  return CLASS_WORDS.get(value) ?? 'UNSPECIFIED';
}

export function classMessage(word: string): SeatClass {
  return SeatClass[word as keyof typeof SeatClass] ?? SeatClass.UNSPECIFIED;
}

export function typeWord(value: PassengerType): TypeWord | undefined {
  return value === PassengerType.UNSPECIFIED ? 'ADULT' : TYPE_WORDS.get(value);
}

const CLASS_WORDS = new Map<number, string>(Object.entries(SeatClass).map(([word, value]) => [value, word]));
const TYPE_WORDS = new Map<number, TypeWord>((['ADULT', 'CHILD', 'STUDENT', 'DISABLED_VETERAN'] as const).map((word) => [PassengerType[word], word]));

export function standbySeatsOver(client: ServiceClient<typeof InventoryService>): StandbySeats {
  const buckets = runBuckets(client);
  const on = async (run_id: string, timeout_ms: number) => ({ ...own(timeout_ms), route_key: await buckets.keyOf(run_id) });
  return {
    async free(run_id) {
      const answer = await ask(client.getStandbySeats({ runId: run_id }, await on(run_id, READ_MS)));
      return mapResult(answer, ({ remaining, version }) => {
        const counts = new Map(remaining.map(({ seatClass, fromIndex, toIndex, remaining: count }) => [`${classWord(seatClass)} ${fromIndex} ${toIndex}`, count]));
        return { places: (seat_class: string, from: number, to: number) => counts.get(`${seat_class} ${from} ${to}`) ?? 0, version };
      });
    },
    async onSale({ run_id, from_index, to_index }) {
      const answer = await ask(client.getRemaining({ runId: run_id, stretches: [{ fromIndex: from_index, toIndex: to_index }] }, await on(run_id, READ_MS)));
      return mapResult(answer, ({ remaining }) => new Map(remaining.map(({ seatClass, remaining: count }) => [classWord(seatClass), count])));
    },
    async claim(wanted, hold_ttl_ms) {
      const holds = wanted.map(({ standby, wish: { run_id, from_station_id, to_station_id, seat_classes, accept_same_train_change } }) => {
        // Of an upgrade they are numbered as in its order: that is how its ticket will give them back.
        const items = standby.travellers.map(({ passenger_type }, index) => ({ itemId: String(standby.upgrade?.items[index]?.item_no ?? index + 1), seatClasses: seat_classes.map(classMessage), passengerType: PassengerType[passenger_type] }));
        return { holdId: matchHoldId(standby), runId: run_id, fromStationId: from_station_id, toStationId: to_station_id, items, owner: ownerOf(standby), holdTtlMs: hold_ttl_ms, acceptSameTrainChange: accept_same_train_change };
      });
      const answer = await ask(client.batchClaimStandbySeats({ holds }, await on(wanted[0]!.wish.run_id, WRITE_MS)));
      if (!answer.ok) return wanted.map(() => answer);
      return wanted.map((_, index): Result<undefined> => {
        const outcome = answer.value.results[index]?.outcome;
        if (outcome?.case === 'hold') return ok(undefined);
        return outcome?.case === 'error' ? { ok: false, error: outcomeFailure(outcome.value) } : fail('INTERNAL', { detail: 'a claim without an outcome' });
      });
    },
    async release(standby, { run_id }, reason) {
      return mapResult(await ask(client.releaseHold({ holdId: matchHoldId(standby), runId: run_id, owner: ownerOf(standby), reason }, await on(run_id, WRITE_MS))), () => undefined);
    },
    async tell(run_id, waiting, version) {
      return mapResult(await ask(client.setRunStandby({ runId: run_id, waiting, version }, await on(run_id, WRITE_MS))), () => undefined);
    },
  };
}

function ownerOf({ upgrade }: Standby): HoldOwner {
  return upgrade === undefined ? HoldOwner.ORDER : HoldOwner.CHANGE;
}

export function standbyOrdersOver(client: ServiceClient<typeof OrderService>): StandbyOrders {
  return {
    async create(standby, wish) {
      const { run_id, from_station_id, to_station_id, seat_classes } = wish;
      const request = {
        requestId: orderRequestId(standby), accountId: String(standby.account_id), holdId: matchHoldId(standby), runId: run_id, fromStationId: from_station_id, toStationId: to_station_id,
        passengers: standby.travellers.map(({ passenger_id, passenger_type }) => ({ passengerId: passenger_id, passengerType: PassengerType[passenger_type], seatClasses: seat_classes.map(classMessage) })),
        channel: CHANNELS[standby.channel] ?? Channel.WEB, tenant: standby.tenant, origin: `standby ${standby.standby_id}`,
      };
      const created = await ask(client.createHeldOrder(request, own(WRITE_MS)));
      if (!created.ok) return created;
      return created.value.order === undefined ? fail('INTERNAL', { detail: 'an order without an order' }) : ok(created.value.order.orderId);
    },
    async state(order_id): Promise<Result<MatchedOrder>> {
      const answer = await ask(client.getOrder({ orderId: order_id }, { ...own(READ_MS), retry: { attempts: 2 } }));
      if (!answer.ok) return answer;
      const state = answer.value.order?.state ?? OrderState.UNSPECIFIED;
      const close_reasons = answer.value.order?.items.map(({ closeReason }) => closeReason) ?? [];
      if (state === OrderState.CLOSED) return ok({ failed: CLOSED.find(([close_reason]) => close_reasons.includes(close_reason))?.[1] ?? 'ORDER_STATE_WRONG' });
      if (TICKETED.has(state)) return ok('TICKETED');
      return ok(state === OrderState.WAIT_PAY || state === OrderState.CLOSING ? 'WAITING' : 'PAID');
    },
    async cancel(call, order_id, request_id) {
      return mapResult(await ask(client.cancelOrder({ requestId: request_id, orderId: order_id }, { parent: call, timeout_ms: WRITE_MS })), () => undefined);
    },
  };
}

/** Why there is no ticket; what is not named here, the order tells. */
const CLOSED: readonly (readonly [CloseReason, string])[] = [[CloseReason.CANCELLED, 'CANCELLED'], [CloseReason.RUN_CANCELLED, 'RUN_CANCELLED'], [CloseReason.EXPIRED, 'ORDER_NOT_PAYABLE']];

/** What was refunded or changed afterwards had its ticket. */
const TICKETED: ReadonlySet<OrderState> = new Set([OrderState.SUCCESS, OrderState.REFUND, OrderState.CHANGE]);

const CHANNELS: Readonly<Record<string, Channel>> = { web: Channel.WEB, app: Channel.APP, mini: Channel.MINI_PROGRAM, counter: Channel.COUNTER, partner: Channel.PARTNER };

/** The same for every repetition of a try. */
function orderRequestId({ standby_id, match_no, locked_ms, create_ms }: Standby): string {
  return formatUuid7(locked_ms ?? create_ms, createHash('sha256').update(`standby ${standby_id} ${match_no}`).digest());
}

export function standbyPeopleOver(client: ServiceClient<typeof IdentityService>): StandbyPeople {
  return {
    async resolve(account_id, passenger_ids) {
      const answer = await ask(client.resolvePassengers({ accountId: account_id, passengerIds: [...passenger_ids], inClear: false }, { ...own(READ_MS), retry: { attempts: 2 } }));
      return mapResult(answer, ({ passengers }) =>
        passengers.map(({ passenger, personBlindIndex: person }) => ({
          passenger_id: passenger?.passengerId ?? '',
          verified: passenger?.verifyState === VerifyState.VERIFIED,
          rejected: passenger?.verifyState === VerifyState.REJECTED,
          person,
          passenger_type: typeWord(passenger?.passengerType ?? PassengerType.ADULT) ?? 'ADULT',
        })),
      );
    },
  };
}

export function standbyTimetableOver(client: ServiceClient<typeof QueryService>, clock: Clock): StandbyTimetable {
  return {
    async wish(wanted): Promise<Result<Wish>> {
      const answer = await ask(client.getTrainRun({ runId: wanted.run_id }, { ...own(READ_MS), retry: { attempts: 2 } }));
      if (!answer.ok) return answer;
      const { run } = answer.value;
      if (run === undefined) return fail('TRAIN_RUN_NOT_FOUND');
      if (run.saleState === SaleState.CANCELLED) return fail('RUN_CANCELLED');
      const from = run.stops.find(({ station, departureTime }) => station?.stationId === wanted.from_station_id && departureTime !== undefined);
      const to = run.stops.find(({ station, index }) => station?.stationId === wanted.to_station_id && from !== undefined && index > from.index);
      if (from?.departureTime === undefined || to?.arrivalTime === undefined) return fail('STOPS_NOT_ON_RUN');
      const departure_ms = timestampMs(from.departureTime);
      if (departure_ms <= clock.now_ms()) return fail('TRAIN_DEPARTED');
      if (run.saleState === SaleState.BEFORE) return fail('SALE_NOT_OPEN');
      if (run.saleState !== SaleState.OPEN) return fail('SALE_CLOSED');
      const ride = { train_no: run.trainNo, service_date: run.serviceDate, from: from.station?.nameZh ?? '', to: to.station?.nameZh ?? '' };
      return ok({ ...wanted, ride, from_index: from.index, to_index: to.index, departure_ms, arrival_ms: timestampMs(to.arrivalTime) });
    },
  };
}
