/** Messages of the contract as plain requests of the use cases. */
import type { CreateHeldOrderRequest, ItemTransition as TransitionMessage, OrderState as StateMessage, SubmitOrderRequest, SubmitPassenger as PassengerMessage, TransitionItemsRequest } from '#gen/rail/order/v1/order_pb.ts';
import type { Journey as JourneyMessage, SeatPreference as PreferenceMessage } from '#gen/rail/type/v1/journey_pb.ts';
import { fenFromInt64 } from '#kit/base/money.ts';
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { Call } from '#kit/rpc/call.ts';
import { journeyFrom } from '#kit/rpc/journey.ts';
import type { AccountFacts, Actor } from '../app/actor.ts';
import type { HeldOrderRequest } from '../app/create_held_order.ts';
import type { ItemTransition, Replacement, TransitionRequest } from '../app/transition_items.ts';
import type { Journey, SeatPart } from '../domain/order.ts';
import type { SeatPreference, SubmitPassenger, SubmitRequest } from '../domain/request.ts';
import type { OrderState } from '../domain/state.ts';
import { seatOf } from './messages.ts';
import { berthLevels, channels, closeReasons, orderStates, passengerTypes, seatClasses } from './words.ts';

export function actorOf(call: Call): Actor {
  const { caller, account } = call;
  return {
    account,
    service: caller.kind === 'service' ? caller.service : '',
    ip: call.peer_ip,
    user_agent: call.user_agent,
    deadline_ms: call.deadline_ms,
  };
}

/** The account of a call whose rule asks for one. */
export function accountActor(call: Call): Actor & { account: AccountFacts } {
  const actor = actorOf(call);
  if (actor.account === undefined) throw new Error(`${call.method} was let through without an account`);
  return { ...actor, account: actor.account };
}

export function submitRequestOf(message: SubmitOrderRequest): Result<SubmitRequest> {
  const passengers: SubmitPassenger[] = [];
  for (const [index, passenger] of message.passengers.entries()) {
    const converted = passengerOf(passenger, `passengers[${index}]`);
    if (!converted.ok) return converted;
    passengers.push(converted.value);
  }
  const max_total = message.maxTotal?.amountFen;
  if (max_total !== undefined && (max_total < 0n || max_total > BigInt(Number.MAX_SAFE_INTEGER))) return fail('AMOUNT_INVALID', { metadata: { field: 'max_total' } });
  return ok({
    request_id: message.requestId,
    run_id: message.runId,
    from_station_id: message.fromStationId,
    to_station_id: message.toStationId,
    passengers,
    preference: message.preference === undefined ? undefined : preferenceOf(message.preference),
    accept_standby: message.acceptStandby,
    accept_standing: message.acceptStanding,
    accept_same_train_change: message.acceptSameTrainChange,
    seat_lock_id: message.seatLockId,
    accompanied_need: message.accompaniedNeed,
    captcha_token: message.captchaToken,
    max_total_fen: max_total === undefined ? undefined : Number(max_total),
  });
}

export function heldOrderRequestOf(message: CreateHeldOrderRequest): Result<HeldOrderRequest> {
  const passengers: SubmitPassenger[] = [];
  for (const [index, passenger] of message.passengers.entries()) {
    const converted = passengerOf(passenger, `passengers[${index}]`);
    if (!converted.ok) return converted;
    passengers.push(converted.value);
  }
  const { requestId: request_id, accountId: account_id, holdId: hold_id, runId: run_id, fromStationId: from_station_id, toStationId: to_station_id, tenant, origin } = message;
  return ok({ request_id, account_id, hold_id, run_id, from_station_id, to_station_id, passengers, tenant, origin, channel: channels.of(message.channel) ?? 'WEB' });
}

function passengerOf(message: PassengerMessage, field: string): Result<SubmitPassenger> {
  const passenger_type = message.passengerType === 0 ? 'ADULT' : passengerTypes.of(message.passengerType);
  if (passenger_type === undefined) return fieldInvalid(`${field}.passenger_type`, 'not a passenger type');
  const seat_classes = message.seatClasses.map((value) => seatClasses.of(value)).filter((word) => word !== undefined);
  if (seat_classes.length !== message.seatClasses.length) return fieldInvalid(`${field}.seat_classes`, 'not a seat class');
  const seat = message.seat === undefined ? undefined : seatOf(message.seat);
  if (message.seat !== undefined && seat === undefined) return fieldInvalid(`${field}.seat`, 'a seat has a class');
  return ok({
    passenger_id: message.passengerId,
    passenger_type,
    seat_classes,
    seat,
    with_passenger_id: message.withPassengerId === '' ? undefined : message.withPassengerId,
  });
}

function preferenceOf(message: PreferenceMessage): SeatPreference {
  const { window, aisle, letters, together, quietCoach, sameCoach, required } = message;
  return { window, aisle, letters: [...letters], together, same_coach: sameCoach, quiet_coach: quietCoach, required, berth_level: berthLevels.of(message.berthLevel) };
}

export function statesOf(values: readonly StateMessage[]): Result<OrderState[]> {
  const states = values.map((value) => orderStates.of(value)).filter((word) => word !== undefined);
  return states.length === values.length ? ok(states) : fieldInvalid('states', 'not an order state');
}

export function transitionRequestOf(message: TransitionItemsRequest): Result<TransitionRequest> {
  const transitions: ItemTransition[] = [];
  for (const transition of message.transitions) {
    const converted = transitionOf(transition);
    if (!converted.ok) return converted;
    transitions.push(converted.value);
  }
  return ok({ request_id: message.requestId, order_id: message.orderId, transitions, cause: message.cause });
}

function transitionOf(message: TransitionMessage): Result<ItemTransition> {
  const to = orderStates.of(message.to);
  if (to === undefined) return fieldInvalid('transitions.to', 'not an order state');
  const replacement = message.replacement === undefined ? ok(undefined) : replacementOf(message.replacement);
  if (!replacement.ok) return replacement;
  const claim = message.claim === undefined ? ok(undefined) : rideOf(message.claim, 'transitions.claim');
  if (!claim.ok) return claim;
  return ok({
    item_id: message.itemId,
    version: Number(message.version),
    to,
    close_reason: closeReasons.of(message.closeReason),
    replacement: replacement.value,
    claim: claim.value,
    refunded_fen: message.refunded === undefined ? 0 : fenFromInt64(message.refunded.amountFen),
  });
}

function replacementOf(message: NonNullable<TransitionMessage['replacement']>): Result<Replacement> {
  const seat = message.seat === undefined ? undefined : seatOf(message.seat);
  if (seat === undefined || message.journey === undefined || message.holdId === '') return fieldInvalid('transitions.replacement', 'needs seat, journey and hold_id');
  const ride = rideOf(message.journey, 'transitions.replacement.journey');
  if (!ride.ok) return ride;
  const journey = ride.value;
  const seat_parts = message.seatParts.flatMap<SeatPart>((part) => {
    const place = part.seat === undefined ? undefined : seatOf(part.seat);
    return place === undefined ? [] : [{ seat: place, from_index: part.fromIndex, to_index: part.toIndex }];
  });
  const fare_fen = fenFromInt64(message.fare?.amountFen ?? 0n);
  const money = message.money.map(({ paymentId, amount }) => ({ payment_id: paymentId, amount_fen: fenFromInt64(amount?.amountFen ?? 0n) }));
  if (money.length > 0 && money.reduce((sum, { amount_fen }) => sum + amount_fen, 0) !== fare_fen) return fieldInvalid('transitions.replacement.money', 'its sum is the fare');
  return ok({
    journey,
    seat,
    seat_parts: seat_parts.length > 0 ? seat_parts : [{ seat, from_index: journey.from_index, to_index: journey.to_index }],
    hold_id: message.holdId,
    fare_fen,
    ticket_id: message.ticketId,
    money: money.length === 0 ? undefined : money,
  });
}

function rideOf(message: JourneyMessage, field: string): Result<Journey> {
  const journey = journeyFrom(message);
  return journey.arrival_ms > journey.departure_ms ? ok(journey) : fieldInvalid(field, 'a journey takes time');
}
