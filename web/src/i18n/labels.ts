import { RefundStage } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { IdType, VerifyState } from '#gen/rail/identity/v1/identity_pb.ts';
import { CloseReason, OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { TicketState } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { BerthLevel, PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { Seat } from '#gen/rail/type/v1/journey_pb.ts';
import type { Dictionary } from './zh.ts';

/** Names of the contracts' enums; a value newer than this page gets a neutral word. */
export function seatClassLabel(seat_class: SeatClass, text: Dictionary): string {
  return text.classes[SEAT_CLASSES[seat_class] ?? 'unknown'];
}

export function passengerTypeLabel(type: PassengerType, text: Dictionary): string {
  return text.types[PASSENGER_TYPES[type] ?? 'unknown'];
}

export function orderStateKey(state: OrderState): keyof Dictionary['order']['states'] {
  return ORDER_STATES[state] ?? 'unknown';
}

export function closeReasonLabel(reason: CloseReason, text: Dictionary): string | undefined {
  const key = CLOSE_REASONS[reason];
  return key === undefined ? undefined : text.order.closed_because[key];
}

export function refundStageKey(stage: RefundStage): keyof Dictionary['refund']['stages'] {
  return REFUND_STAGES[stage] ?? 'accepted';
}

export function ticketStateKey(state: TicketState): 'valid' | 'used' | 'void' {
  if (state === TicketState.VALID) return 'valid';
  return state === TicketState.USED ? 'used' : 'void';
}

export function verifyStateKey(state: VerifyState): keyof Dictionary['passengers']['states'] {
  if (state === VerifyState.VERIFIED) return 'verified';
  if (state === VerifyState.REJECTED) return 'rejected';
  return state === VerifyState.MANUAL ? 'manual' : 'pending';
}

export function idTypeLabel(type: IdType, text: Dictionary): string {
  const names = text.passengers.id_types;
  if (type === IdType.PASSPORT) return names.passport;
  if (type === IdType.HONG_KONG_MACAU_PERMIT) return names.hk_macau;
  return type === IdType.TAIWAN_PERMIT ? names.taiwan : names.resident;
}

/** `05车 12A号`, `03车 07号下铺`; standing places have neither. */
export function seatLabel(seat: Seat | undefined, text: Dictionary): string {
  if (seat === undefined) return '';
  const level = BERTHS[seat.berthLevel];
  // The number of a berth ends in its level, which the words say.
  const place = level === undefined ? seat.seatNo && text.order.seat(seat.seatNo) : text.order.berth(seat.seatNo.slice(0, -1), text.booking.berths[level]);
  const parts = [seat.coachNo && text.order.coach(seat.coachNo), place].filter(Boolean);
  return parts.length > 0 ? parts.join(' ') : seatClassLabel(seat.seatClass, text);
}

/** Undefined for a seat. */
export function berthLabel(level: BerthLevel, text: Dictionary): string | undefined {
  const key = BERTHS[level];
  return key === undefined ? undefined : text.booking.berths[key];
}

const BERTHS: Partial<Record<BerthLevel, keyof Dictionary['booking']['berths']>> = { [BerthLevel.LOWER]: 'lower', [BerthLevel.MIDDLE]: 'middle', [BerthLevel.UPPER]: 'upper' };
const SEAT_CLASSES: Partial<Record<SeatClass, keyof Dictionary['classes']>> = {
  [SeatClass.BUSINESS]: 'business', [SeatClass.FIRST]: 'first', [SeatClass.SECOND]: 'second', [SeatClass.SOFT_SLEEPER]: 'soft_sleeper',
  [SeatClass.HARD_SLEEPER]: 'hard_sleeper', [SeatClass.SOFT_SEAT]: 'soft_seat', [SeatClass.HARD_SEAT]: 'hard_seat', [SeatClass.STANDING]: 'standing',
};
const PASSENGER_TYPES: Partial<Record<PassengerType, keyof Dictionary['types']>> = {
  [PassengerType.ADULT]: 'adult', [PassengerType.CHILD]: 'child', [PassengerType.STUDENT]: 'student', [PassengerType.DISABLED_VETERAN]: 'veteran',
};
const ORDER_STATES: Partial<Record<OrderState, keyof Dictionary['order']['states']>> = {
  [OrderState.WAIT_PAY]: 'wait_pay', [OrderState.CLOSING]: 'closing', [OrderState.CLOSED]: 'closed', [OrderState.PAID]: 'paid', [OrderState.TICKETING]: 'ticketing',
  [OrderState.SUCCESS]: 'success', [OrderState.FAIL]: 'fail', [OrderState.REFUND]: 'refund', [OrderState.CHANGE]: 'change',
};
const CLOSE_REASONS: Partial<Record<CloseReason, keyof Dictionary['order']['closed_because']>> = {
  [CloseReason.CANCELLED]: 'cancelled', [CloseReason.EXPIRED]: 'expired', [CloseReason.REFUNDED]: 'refunded',
  [CloseReason.TICKETING_FAILED]: 'ticketing_failed', [CloseReason.RUN_CANCELLED]: 'run_cancelled',
};
const REFUND_STAGES: Partial<Record<RefundStage, keyof Dictionary['refund']['stages']>> = {
  [RefundStage.ACCEPTED]: 'accepted', [RefundStage.VOIDED]: 'voided', [RefundStage.MONEY_SENT]: 'money_sent', [RefundStage.DONE]: 'done', [RefundStage.MANUAL]: 'manual',
};
