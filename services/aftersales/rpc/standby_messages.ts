import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { StandbyState, type StandbyPlaceSchema, type StandbySchema, type StandbyWish } from '#gen/rail/aftersales/v1/standby_pb.ts';
import type { WishPlace } from '../app/estimate_standby.ts';
import type { WishRequest } from '../app/standby_ports.ts';
import type { Standby } from '../domain/standby.ts';
import { moneyMessage } from './journeys.ts';
import { classMessage, classWord } from './peers/standby_peers.ts';

export function standbyMessage(standby: Standby, places: readonly WishPlace[]): MessageInitShape<typeof StandbySchema> {
  return {
    standbyId: String(standby.standby_id),
    accountId: String(standby.account_id),
    places: places.map(placeMessage),
    passengerIds: standby.travellers.map(({ passenger_id }) => passenger_id),
    state: StandbyState[standby.state],
    deadline: timestampFromMs(standby.deadline_ms),
    orderId: standby.order_id,
    version: standby.version,
    createTime: timestampFromMs(standby.create_ms),
    reason: standby.reason,
    priority: standby.priority,
    upgradeOfOrderId: standby.upgrade?.order_id ?? '',
    itemIds: standby.upgrade?.items.map(({ item_id }) => item_id) ?? [],
    maxDifference: standby.upgrade?.max_difference_fen === undefined ? undefined : moneyMessage(standby.upgrade.max_difference_fen),
    changeId: standby.change_id === undefined ? '' : String(standby.change_id),
  };
}

export function placeMessage({ wish, requests_ahead, passengers_ahead, odds }: WishPlace): MessageInitShape<typeof StandbyPlaceSchema> {
  const { run_id, from_station_id, to_station_id, seat_classes, accept_same_train_change } = wish;
  return {
    wish: { runId: run_id, fromStationId: from_station_id, toStationId: to_station_id, seatClasses: seat_classes.map(classMessage), acceptSameTrainChange: accept_same_train_change },
    requestsAhead: requests_ahead,
    passengersAhead: passengers_ahead,
    odds,
  };
}

export function wishRequestOf({ runId, fromStationId, toStationId, seatClasses, acceptSameTrainChange }: StandbyWish): WishRequest {
  return { run_id: runId, from_station_id: fromStationId, to_station_id: toStationId, seat_classes: seatClasses.map(classWord), accept_same_train_change: acceptSameTrainChange };
}
