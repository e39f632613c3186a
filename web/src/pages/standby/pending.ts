import { create, fromJson, toJson } from '@bufbuild/protobuf';
import type { JsonValue } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { CreateStandbyRequestSchema } from '#gen/rail/aftersales/v1/standby_pb.ts';
import type { CreateStandbyRequest } from '#gen/rail/aftersales/v1/standby_pb.ts';
import type { Basket, WishDraft } from './basket.ts';
import { limitOf, oneClassEach } from './upgrade.ts';

/** The request that a basket means; of an upgrade the tickets say who travels. */
export function toRequest(request_id: string, { wishes, travellers, upgrade }: Basket, deadline_ms: number): CreateStandbyRequest {
  const limit = upgrade === undefined ? undefined : limitOf(upgrade.limit);
  return create(CreateStandbyRequestSchema, {
    requestId: request_id,
    wishes: toWishes(upgrade === undefined ? wishes : oneClassEach(wishes)),
    passengerIds: travellers.map(({ passenger_id }) => passenger_id),
    passengerTypes: travellers.map(({ type }) => type),
    deadline: timestampFromMs(deadline_ms),
    ...(upgrade === undefined ? {} : { upgradeOfOrderId: upgrade.order_id, itemIds: upgrade.item_ids }),
    ...(limit?.fen === undefined ? {} : { maxDifference: { amountFen: limit.fen, currency: 'CNY' } }),
  });
}

export function toWishes(wishes: readonly WishDraft[]) {
  return wishes.map((wish) => ({ runId: wish.run_id, fromStationId: wish.from_station_id, toStationId: wish.to_station_id, seatClasses: wish.seat_classes, acceptSameTrainChange: wish.accept_change }));
}

/**
 * Keeps a request before it is sent, and until its outcome is known: a page that is loaded again meanwhile repeats this one,
 * with the same id, so that it has one effect. That of an order's tickets is kept apart from others.
 */
export function savePending(storage: Storage, request: CreateStandbyRequest): void {
  storage.setItem(keyOf(request.upgradeOfOrderId), JSON.stringify(toJson(CreateStandbyRequestSchema, request)));
}

/** Undefined when nothing is open, or it cannot be read. */
export function readPending(storage: Storage, order_id = ''): CreateStandbyRequest | undefined {
  const stored = storage.getItem(keyOf(order_id));
  if (stored === null) return undefined;
  try {
    return fromJson(CreateStandbyRequestSchema, JSON.parse(stored) as JsonValue);
  } catch {
    dropPending(storage, order_id);
    return undefined;
  }
}

export function dropPending(storage: Storage, order_id = ''): void {
  storage.removeItem(keyOf(order_id));
}

function keyOf(order_id: string): string {
  return order_id === '' ? 'chunyun.standby.pending' : `chunyun.standby.pending.${order_id}`;
}
