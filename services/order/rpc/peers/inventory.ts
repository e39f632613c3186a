import type { MessageInitShape } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import type { Status } from '#gen/google/rpc/status_pb.ts';
import { HoldOwner, HoldState, InventoryService, type Hold as HoldMessage, type HoldSeatsRequestSchema } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { isErrorReason } from '#kit/base/errors.ts';
import { fail, ok, mapResult, type Result } from '#kit/base/result.ts';
import type { CallOptions, ServiceClient } from '#kit/rpc/client.ts';
import type { Hold, HoldRequest, Inventory } from '../../app/peers.ts';
import type { SeatPart } from '../../domain/order.ts';
import type { SeatLock } from '../../domain/seat_lock.ts';
import { seatMessage, seatOf } from '../messages.ts';
import { berthLevels, channels, passengerTypes, seatClasses } from '../words.ts';
import { ask, own } from '#kit/rpc/peer.ts';
import { onBehalf } from './on_behalf.ts';
import { runBuckets } from '#kit/rpc/run_buckets.ts';

/** The times the contract gives these methods. */
const HOLD_MS = 3000;
const WRITE_MS = 2000;
const READ_MS = 1000;

export function inventoryPeer(client: ServiceClient<typeof InventoryService>): Inventory {
  const buckets = runBuckets(client);
  const on = async (run_id: string | undefined, timeout_ms: number): Promise<CallOptions> => ({ ...own(timeout_ms), route_key: run_id === undefined ? undefined : await buckets.keyOf(run_id) });
  return {
    async holdMany(requests) {
      const { results } = await client.batchHoldSeats({ requests: requests.map(requestOf) }, await on(requests[0]?.journey.run_id, HOLD_MS));
      return requests.map((_, index): Result<Hold> => {
        const outcome = results[index]?.outcome;
        if (outcome?.case === 'hold') return ok(holdOf(outcome.value));
        return outcome?.case === 'error' ? refusalOf(outcome.value) : fail('INTERNAL', { detail: 'inventory left an outcome out' });
      });
    },
    attach: async (order) => nothing(await ask(client.attachOrder({ holdId: order.hold_id, runId: order.journey.run_id, orderId: order.order_id, owner: HoldOwner.ORDER }, await on(order.journey.run_id, WRITE_MS)))),
    async release({ hold_id, run_id, item_nos = [], reason }) {
      return nothing(await ask(client.releaseHold({ holdId: hold_id, runId: run_id, owner: HoldOwner.ORDER, itemIds: item_nos.map(String), reason }, await on(run_id, WRITE_MS))));
    },
    async findLock(actor, { lock_id, run_id }) {
      const answer = await ask(client.getHold({ holdId: lock_id, runId: run_id }, { ...await on(run_id, READ_MS), ...onBehalf(actor, READ_MS), retry: { attempts: 2 } }));
      return answer.ok && answer.value.hold === undefined ? fail('HOLD_NOT_FOUND') : mapResult(answer, ({ hold }) => lockOf(hold!));
    },
    extendLock: async ({ lock_id, run_id }, ttl_ms) => nothing(await ask(client.extendHold({ holdId: lock_id, runId: run_id, owner: HoldOwner.SEAT_LOCK, holdTtlMs: ttl_ms }, await on(run_id, READ_MS)))),
    releaseLock: async ({ lock_id, run_id }, reason) => nothing(await ask(client.releaseHold({ holdId: lock_id, runId: run_id, owner: HoldOwner.SEAT_LOCK, reason }, await on(run_id, WRITE_MS)))),
    sell: async (order) => nothing(await ask(client.sellHold({ holdId: order.hold_id, runId: order.journey.run_id, orderId: order.order_id }, await on(order.journey.run_id, WRITE_MS)))),
    async free(run_id, stretches) {
      const asked = { runId: run_id, stretches: stretches.map(({ from_index, to_index }) => ({ fromIndex: from_index, toIndex: to_index })), withQuotas: true };
      const { remaining } = await client.getRemaining(asked, await on(run_id, READ_MS));
      return remaining.flatMap(({ seatClass, fromIndex, toIndex, remaining: places }) => {
        const seat_class = seatClasses.of(seatClass);
        return seat_class === undefined ? [] : [{ seat_class, from_index: fromIndex, to_index: toIndex, places }];
      });
    },
    async stocks(run_ids) {
      const { states } = await client.getRunStates({ runIds: [...run_ids] }, own(READ_MS));
      buckets.note(states);
      return new Map(states.map(({ runId, seatsAtOpening, seatsFree }) => [runId, { seats_at_opening: seatsAtOpening, seats_free: seatsFree }]));
    },
  };
}

function requestOf({ hold_id, journey, passengers, preference, channel, accept_same_train_change, seat_lock }: HoldRequest): MessageInitShape<typeof HoldSeatsRequestSchema> {
  return {
    holdId: hold_id,
    runId: journey.run_id,
    fromStationId: journey.from_station_id,
    toStationId: journey.to_station_id,
    items: passengers.map(({ item_no, seat_classes, passenger_type, seat }) => ({
      itemId: String(item_no),
      seatClasses: seat_classes.map((word) => seatClasses.to(word)),
      passengerType: passengerTypes.to(passenger_type),
      seat: seat === undefined ? undefined : seatMessage(seat),
    })),
    preference: preference === undefined ? undefined : { ...preference, sameCoach: preference.same_coach, quietCoach: preference.quiet_coach, berthLevel: berthLevels.to(preference.berth_level) },
    channel: channels.to(channel),
    owner: HoldOwner.ORDER,
    acceptSameTrainChange: accept_same_train_change,
    seatLockId: seat_lock?.lock_id,
    accountId: seat_lock?.account_id,
  };
}

/** Seats in the order of their item numbers, which is that in which they were chosen. */
function lockOf(message: HoldMessage): SeatLock {
  const { places } = holdOf(message);
  return {
    account_id: message.owner === HoldOwner.SEAT_LOCK ? message.accountId : undefined,
    run_id: message.runId,
    held: message.state === HoldState.HELD,
    places: places.toSorted((a, b) => a.item_no - b.item_no).flatMap(({ parts }) => parts),
  };
}

function holdOf(message: HoldMessage): Hold {
  const places = new Map<number, SeatPart[]>();
  for (const { itemId, seat, fromIndex, toIndex } of message.seats) {
    const place = seat === undefined ? undefined : seatOf(seat);
    if (place === undefined) throw new Error(`hold ${message.holdId} has a place without a class`);
    const parts = places.get(Number(itemId)) ?? [];
    places.set(Number(itemId), [...parts, { seat: place, from_index: fromIndex, to_index: toIndex }].toSorted((a, b) => a.from_index - b.from_index));
  }
  return { hold_id: message.holdId, places: [...places].map(([item_no, parts]) => ({ item_no, parts })) };
}

/** The reason inside a google.rpc.Status; one that we don't know is a bug of one of the two. */
function refusalOf(status: Status): Result<never> {
  for (const detail of status.details) {
    const info = anyUnpack(detail, ErrorInfoSchema);
    if (info !== undefined && isErrorReason(info.reason)) return fail(info.reason, { metadata: info.metadata });
  }
  return fail('INTERNAL', { detail: `inventory refused with code ${status.code} and no reason` });
}

function nothing(result: Result<unknown>): Result<undefined> {
  return mapResult(result, () => undefined);
}
