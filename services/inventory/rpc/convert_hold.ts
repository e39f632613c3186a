import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { HoldOwner as OwnerMessage, HoldSchema, HoldState as StateMessage, type Hold as HoldMessage, type HoldSeatsRequest } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { Hold, HoldItem, HoldOwner, HoldRequest, HoldState } from '../domain/hold.ts';
import type { RunLayout } from '../domain/layout.ts';
import { seatNameOf } from '../domain/place.ts';
import { channelFromMessage, passengerTypeFromMessage } from '../wire/buyer_message.ts';
import { classFromMessage, preferenceFromMessage, seatMessage } from '../wire/seat_message.ts';

const OWNER: Record<HoldOwner, OwnerMessage> = { ORDER: OwnerMessage.ORDER, CHANGE: OwnerMessage.CHANGE, STANDBY: OwnerMessage.STANDBY, SEAT_LOCK: OwnerMessage.SEAT_LOCK };
const STATE: Record<HoldState, StateMessage> = { HELD: StateMessage.HELD, SOLD: StateMessage.SOLD, RELEASED: StateMessage.RELEASED, ABORTED: StateMessage.ABORTED };

/** A hold's owner; SEAT_LOCK belongs to SeatService alone. */
export function ownerFromMessage(owner: OwnerMessage): Result<HoldOwner> {
  const name = (Object.keys(OWNER) as HoldOwner[]).find((candidate) => OWNER[candidate] === owner);
  return name === undefined || name === 'SEAT_LOCK' ? fieldInvalid('owner', 'ORDER, CHANGE or STANDBY') : ok(name);
}

/** The owner of a hold to give back or extend: of seat locks, too, which order keeps for entries that wait. */
export function anyOwnerFromMessage(owner: OwnerMessage): Result<HoldOwner> {
  return owner === OwnerMessage.SEAT_LOCK ? ok('SEAT_LOCK') : ownerFromMessage(owner);
}

export function holdRequestFromMessage(message: HoldSeatsRequest): Result<HoldRequest> {
  const owner = ownerFromMessage(message.owner);
  if (!owner.ok) return owner;
  const items = message.items.map(({ itemId: item_id, seatClasses, seat, passengerType }): HoldItem => {
    const seat_classes = seatClasses.map(classFromMessage).filter((seat_class) => seat_class !== undefined);
    const named = seat !== undefined && seat.seatNo !== '' ? { coach_no: seat.coachNo, seat_no: seat.seatNo } : undefined;
    return { item_id, seat_classes, seat: named, passenger_type: passengerTypeFromMessage(passengerType) };
  });
  return ok({
    hold_id: message.holdId,
    run_id: message.runId,
    from_station_id: message.fromStationId,
    to_station_id: message.toStationId,
    items,
    preference: preferenceFromMessage(message.preference),
    owner: owner.value,
    hold_ttl_ms: message.holdTtlMs,
    accept_same_train_change: message.acceptSameTrainChange,
    account_id: message.accountId,
    channel: channelFromMessage(message.channel),
    seat_lock_id: message.seatLockId === '' ? undefined : message.seatLockId,
  });
}

export function holdMessage(hold: Hold, layout: RunLayout, run_version = 0n): HoldMessage {
  return create(HoldSchema, {
    holdId: hold.hold_id,
    runId: hold.run_id,
    state: STATE[hold.state],
    owner: OWNER[hold.owner],
    version: BigInt(hold.version),
    seats: hold.places.map(({ item_id, class_code, index, from, to }) => ({ itemId: item_id, seat: seatMessage(seatNameOf(layout, class_code, index)), fromIndex: from, toIndex: to })),
    orderId: hold.order_id,
    expireTime: timestampFromMs(hold.expires_ms),
    runVersion: run_version,
    accountId: hold.account_id,
  });
}
