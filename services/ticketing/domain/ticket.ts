import type { Journey } from '#kit/base/journey.ts';
import type { Ride } from './token.ts';

export type TicketState = 'ISSUING' | 'VALID' | 'USED' | 'VOID';

/**
 * What the railway knows of a ticket. ASKED: perhaps it knows, the answer has not come. VOID_DUE: it may know and must
 * forget.
 */
export type RailwayState = 'NONE' | 'ASKED' | 'REGISTERED' | 'REFUSED' | 'VOID_DUE' | 'VOIDED';

/** ABORTING: it has failed, and what the railway may know is being voided. */
export type IssueState = 'ISSUING' | 'ABORTING' | 'ISSUED' | 'FAILED';

export type Seat = { coach_no: string; seat_no: string; seat_class: string; berth_level: string };

/** A seat for segments from_index … to_index-1 of the run. */
export type SeatPart = { seat: Seat; from_index: number; to_index: number };

export type Ticket = {
  ticket_id: bigint;
  issue_id: string;
  order_id: bigint;
  account_id: bigint;
  item_id: string;
  /** The item's version that it was issued for: a change of the item issues a higher one. */
  version: bigint;
  state: TicketState;
  passenger_id: string;
  passenger_type: string;
  name_masked: string;
  id_number_masked: string;
  /** In the order of travel, without a gap; more than one when seats are changed on the way. */
  seat_parts: SeatPart[];
  journey: Journey;
  issue_time_ms: number | undefined;
  not_after_ms: number;
  qr_token: string;
  railway_ref: string;
  railway_state: RailwayState;
  /** When the railway was last asked to register it. */
  asked_ms: number | undefined;
  /** Of the document it is sold for, see holder.ts; empty before the railway was asked. */
  holder_tag: Uint8Array;
  /** Which inspection used it up: see `admissionOf`; empty while none has. */
  admission: string;
};

export type Issue = {
  issue_id: string;
  order_id: bigint;
  account_id: bigint;
  state: IssueState;
  failure_reason: string;
  tickets: Ticket[];
  /** Its tickets take the place of those that the items have: see `judgeReplaced`. */
  replaces: boolean;
};

/** A late train's passengers still have to pass the gate at its end. */
const VALID_AFTER_ARRIVAL_MS = 24 * 3_600_000;

/**
 * Tickets end within this time after they are issued. A key verifies for as long after it signed last, so no ticket outlives
 * the key that proves it.
 */
export const TICKET_LIFE_MS = 60 * 24 * 3_600_000;

/** Requirement: 1/2/4/8 … s, at most 8 tries, then the money goes back. */
export const MAX_ISSUE_TRIES = 8;

/**
 * A registration whose answer was lost may still reach the railway this long after it was sent: until then "unknown there"
 * does not prove that it is not registered.
 */
export const REGISTRATION_SETTLED_MS = 15_000;

export function notAfter_ms(journey: Pick<Journey, 'arrival_ms'>): number {
  return journey.arrival_ms + VALID_AFTER_ARRIVAL_MS;
}

/** As printed: `05-12A`; empty for a standing place. */
export function placeOf({ coach_no, seat_no }: Seat): string {
  return coach_no === '' && seat_no === '' ? '' : `${coach_no}-${seat_no}`;
}

/** What the token says of where the holder sits. */
export function rideOf({ seat_parts, holder_tag }: Pick<Ticket, 'seat_parts' | 'holder_tag'>): Ride {
  return { from_index: seat_parts[0]!.from_index, seats: seat_parts.map(({ seat, to_index }) => ({ place: placeOf(seat), to_index })), holder_tag };
}

/** Names one wish of one inspector to admit; empty when it can't be told from another. */
export function admissionOf(inspector: string, request_id: string): string {
  return request_id === '' ? '' : `${inspector}/${request_id}`;
}

/** The railway's registrations are idempotent by this. */
export function registrationId({ item_id, version }: Pick<Ticket, 'item_id' | 'version'>): string {
  return `${item_id}-v${version}`;
}

/** True for a ticket that a traveller has held: what was never issued is nobody's business. */
export function wasIssued({ issue_time_ms }: Ticket): boolean {
  return issue_time_ms !== undefined;
}

/** True when "the railway does not know it" can be believed. */
export function isSettled({ asked_ms }: Pick<Ticket, 'asked_ms'>, now_ms: number): boolean {
  return asked_ms === undefined || now_ms - asked_ms > REGISTRATION_SETTLED_MS;
}
