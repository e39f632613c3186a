import type { MessageInitShape } from '@bufbuild/protobuf';
import { HoldOwner, HoldState, InventoryService, type Hold as HoldMessage, type HoldOutcome, type HoldSeatsRequestSchema } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { fail, ok, mapResult, type Result } from '#kit/base/result.ts';
import { systemTimers } from '#kit/base/timers.ts';
import type { CallOptions, ServiceClient } from '#kit/rpc/client.ts';
import type { Hold, HoldRequest, Inventory } from '../../app/peers.ts';
import type { Order, SeatPart } from '../../domain/order.ts';
import type { Stock } from '../../domain/pace.ts';
import type { SeatLock } from '../../domain/seat_lock.ts';
import { seatMessage, seatOf } from '../messages.ts';
import { berthLevels, channels, passengerTypes, seatClasses } from '../words.ts';
import { ask, own } from '#kit/rpc/peer.ts';
import { outcomeFailure } from '#kit/rpc/status.ts';
import { company } from '#kit/run/company.ts';
import { batched } from './batched.ts';
import { onBehalf } from './on_behalf.ts';
import { runBuckets } from '#kit/rpc/run_buckets.ts';

/** The times the contract gives these methods. */
const HOLD_MS = 3000;
const WRITE_MS = 2000;
const READ_MS = 1000;
const BATCH_MS = 3000;
const BATCH_MAX = 256;
/** Stocks of many runs in one call: each is asked for once a second while somebody wants the run. Waiting: all runs of a sale. */
const STOCK_COMPANY = { wait_ms: 10, together_max: BATCH_MAX, batches_max: 4, waiting_max: 20_000, timers: systemTimers };

type ReleaseWish = Parameters<Inventory['release']>[0];

/** What orders do with their holds goes in batches of all runs; it needs no route key, since nothing is decided in Redis. */
export function inventoryPeer(client: ServiceClient<typeof InventoryService>): Inventory {
  const buckets = runBuckets(client);
  const on = async (run_id: string | undefined, timeout_ms: number): Promise<CallOptions> => ({ ...own(timeout_ms), route_key: run_id === undefined ? undefined : await buckets.keyOf(run_id) });
  const stocks = company({
    ...STOCK_COMPANY,
    async run(run_ids: readonly string[]) {
      const { states } = await client.getRunStates({ runIds: [...new Set(run_ids)] }, own(READ_MS));
      buckets.note(states);
      const known = new Map(states.map(({ runId, seatsAtOpening, seatsFree }): [string, Stock] => [runId, { seats_at_opening: seatsAtOpening, seats_free: seatsFree }]));
      return run_ids.map((run_id) => known.get(run_id));
    },
  });
  return {
    async holdMany(requests) {
      const { results } = await client.batchHoldSeats({ requests: requests.map(requestOf) }, await on(requests[0]?.journey.run_id, HOLD_MS));
      return requests.map((_, index): Result<Hold> => {
        const outcome = results[index]?.outcome;
        if (outcome?.case === 'hold') return ok(holdOf(outcome.value));
        return outcome?.case === 'error' ? { ok: false, error: outcomeFailure(outcome.value) } : leftOut();
      });
    },
    attach: batched<Order, undefined>({
      size_max: BATCH_MAX,
      together: async (orders) => outcomesOf(orders, (await client.batchAttachOrders({ requests: orders.map(attachOf) }, own(BATCH_MS))).outcomes),
      alone: async (order) => nothing(await ask(client.attachOrder(attachOf(order), await on(order.journey.run_id, WRITE_MS)))),
    }),
    release: batched<ReleaseWish, undefined>({
      size_max: BATCH_MAX,
      together: async (wishes) => outcomesOf(wishes, (await client.batchReleaseHolds({ requests: wishes.map(releaseOf) }, own(BATCH_MS))).outcomes),
      alone: async (wish) => nothing(await ask(client.releaseHold(releaseOf(wish), await on(wish.run_id, WRITE_MS)))),
    }),
    async findHeld({ hold_id, run_id }) {
      const answer = await ask(client.getHold({ holdId: hold_id, runId: run_id }, { ...await on(run_id, READ_MS), retry: { attempts: 2 } }));
      if (!answer.ok) return answer;
      const { hold } = answer.value;
      if (hold === undefined) return fail('HOLD_NOT_FOUND');
      return hold.state === HoldState.HELD && hold.owner === HoldOwner.ORDER ? ok(holdOf(hold)) : fail('HOLD_EXPIRED');
    },
    async findLock(actor, { lock_id, run_id }) {
      const answer = await ask(client.getHold({ holdId: lock_id, runId: run_id }, { ...await on(run_id, READ_MS), ...onBehalf(actor, READ_MS), retry: { attempts: 2 } }));
      return answer.ok && answer.value.hold === undefined ? fail('HOLD_NOT_FOUND') : mapResult(answer, ({ hold }) => lockOf(hold!));
    },
    extendLock: async ({ lock_id, run_id }, ttl_ms) => nothing(await ask(client.extendHold({ holdId: lock_id, runId: run_id, owner: HoldOwner.SEAT_LOCK, holdTtlMs: ttl_ms }, await on(run_id, READ_MS)))),
    releaseLock: async ({ lock_id, run_id }, reason) => nothing(await ask(client.releaseHold({ holdId: lock_id, runId: run_id, owner: HoldOwner.SEAT_LOCK, reason }, await on(run_id, WRITE_MS)))),
    sell: batched<Order, undefined>({
      size_max: BATCH_MAX,
      together: async (orders) => outcomesOf(orders, (await client.batchSellHolds({ requests: orders.map(sellOf) }, own(BATCH_MS))).outcomes),
      alone: async (order) => nothing(await ask(client.sellHold(sellOf(order), await on(order.journey.run_id, WRITE_MS)))),
    }),
    async free(run_id, stretches) {
      const asked = { runId: run_id, stretches: stretches.map(({ from_index, to_index }) => ({ fromIndex: from_index, toIndex: to_index })), withQuotas: true };
      const { remaining } = await client.getRemaining(asked, await on(run_id, READ_MS));
      return remaining.flatMap(({ seatClass, fromIndex, toIndex, remaining: places }) => {
        const seat_class = seatClasses.of(seatClass);
        return seat_class === undefined ? [] : [{ seat_class, from_index: fromIndex, to_index: toIndex, places }];
      });
    },
    async stocks(run_ids) {
      const found = await Promise.all(run_ids.map(async (run_id) => [run_id, await stocks.join(run_id)] as const));
      return new Map(found.flatMap(([run_id, stock]) => (stock === undefined ? [] : [[run_id, stock] as const])));
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

function nothing(result: Result<unknown>): Result<undefined> {
  return mapResult(result, () => undefined);
}

function attachOf(order: Order) {
  return { ...sellOf(order), owner: HoldOwner.ORDER };
}

function sellOf({ hold_id, journey, order_id }: Order) {
  return { holdId: hold_id, runId: journey.run_id, orderId: order_id };
}

function releaseOf({ hold_id, run_id, item_nos = [], reason }: ReleaseWish) {
  return { holdId: hold_id, runId: run_id, owner: HoldOwner.ORDER, itemIds: item_nos.map(String), reason };
}

function outcomesOf(wishes: readonly unknown[], outcomes: readonly HoldOutcome[]): Result<undefined>[] {
  return wishes.map((_, index) => {
    const outcome = outcomes[index];
    if (outcome === undefined) return leftOut();
    return outcome.error === undefined ? ok() : { ok: false, error: outcomeFailure(outcome.error) };
  });
}

function leftOut(): Result<never> {
  return fail('INTERNAL', { detail: 'inventory left an outcome out' });
}
