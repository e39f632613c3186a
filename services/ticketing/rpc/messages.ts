import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { IssueOutcome, TicketState, type BatchIssueTicketsResponse_ResultSchema, type IssueItem, type IssueTicketsRequest, type TicketSchema } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import type { Seat as SeatMessage, SeatPart as SeatPartMessage } from '#gen/rail/type/v1/journey_pb.ts';
import type { Journey } from '#kit/base/journey.ts';
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { journeyFrom, journeyMessage } from '#kit/rpc/journey.ts';
import { outcomeStatus } from '#kit/rpc/status.ts';
import type { NewIssue, NewTicket } from '../app/ports.ts';
import { placeOf, type Issue, type Seat, type SeatPart, type Ticket } from '../domain/ticket.ts';
import { isWay } from '../domain/token_payload.ts';
import { berthLevels, passengerTypes, seatClasses } from './words.ts';

const STATES: Record<Ticket['state'], TicketState> = { ISSUING: TicketState.UNSPECIFIED, VALID: TicketState.VALID, USED: TicketState.USED, VOID: TicketState.VOID };
const OUTCOMES: Record<Issue['state'], IssueOutcome> = { ISSUING: IssueOutcome.PENDING, ABORTING: IssueOutcome.PENDING, ISSUED: IssueOutcome.ISSUED, FAILED: IssueOutcome.FAILED };

/** `with_token`: for the traveller it belongs to, and services that act for them. */
export function ticketMessage(ticket: Ticket, with_token: boolean): MessageInitShape<typeof TicketSchema> {
  const { journey, seat_parts } = ticket;
  return {
    ticketId: String(ticket.ticket_id),
    orderId: String(ticket.order_id),
    itemId: ticket.item_id,
    version: ticket.version,
    state: STATES[ticket.state],
    passengerNameMasked: ticket.name_masked,
    idNumberMasked: ticket.id_number_masked,
    journey: journeyMessage(journey),
    seat: seatMessage(seat_parts[0]!.seat),
    seatParts: seat_parts.map(({ seat, from_index, to_index }) => ({ seat: seatMessage(seat), fromIndex: from_index, toIndex: to_index })),
    passengerType: passengerTypes.to(ticket.passenger_type),
    issueTime: ticket.issue_time_ms === undefined ? undefined : timestampFromMs(ticket.issue_time_ms),
    qrToken: with_token ? ticket.qr_token : '',
    railwayRef: ticket.railway_ref,
    notAfter: timestampFromMs(ticket.not_after_ms),
  };
}

export function issueMessage({ state, tickets, failure_reason }: Issue) {
  return { outcome: OUTCOMES[state], tickets: state === 'ISSUED' ? tickets.map((ticket) => ticketMessage(ticket, true)) : [], failureReason: state === 'FAILED' ? failure_reason : '' };
}

/** The same in short, as one result of many. */
export function resultMessage(issued: Result<Issue>): MessageInitShape<typeof BatchIssueTicketsResponse_ResultSchema> {
  if (!issued.ok) return { outcome: { case: 'error', value: outcomeStatus(issued.error) } };
  const { state, tickets, failure_reason } = issued.value;
  const named = state === 'ISSUED' ? tickets.map(({ item_id, ticket_id }) => ({ itemId: item_id, ticketId: String(ticket_id) })) : [];
  return { outcome: { case: 'issue', value: { outcome: OUTCOMES[state], tickets: named, failureReason: state === 'FAILED' ? failure_reason : '' } } };
}

export function newIssueOf({ orderId, accountId, items, replaces }: IssueTicketsRequest): Result<NewIssue> {
  if (!isId(orderId)) return fail('ORDER_NOT_FOUND');
  if (!isId(accountId)) return fail('ACCOUNT_NOT_FOUND');
  const tickets: NewTicket[] = [];
  for (const item of items) {
    const ticket = newTicketOf(item);
    if (!ticket.ok) return ticket;
    tickets.push(ticket.value);
  }
  return ok({ order_id: BigInt(orderId), account_id: BigInt(accountId), items: tickets, replaces });
}

export function isId(text: string): boolean {
  return /^[1-9]\d{0,18}$/.test(text);
}

const RUN_ID = /^[\w.-]{1,48}$/;

function newTicketOf({ itemId, itemVersion, passengerId, passengerType, seat, seatParts, journey }: IssueItem): Result<NewTicket> {
  if (!/^[1-9]\d{0,18}-\d{1,2}$/.test(itemId)) return fieldInvalid('items.item_id', 'is `<order id>-<number>`');
  if (itemVersion < 0n || itemVersion > 0xffff_ffffn) return fieldInvalid('items.item_version', 'is a version');
  if (passengerId === '' || seat === undefined) return fieldInvalid('items', 'a passenger and a seat are needed');
  if (journey?.departureTime === undefined || journey.arrivalTime === undefined || !RUN_ID.test(journey.runId)) return fieldInvalid('items.journey', 'run, departure and arrival are needed');
  const ride = { from_index: journey.fromIndex, to_index: journey.toIndex };
  const seat_parts = seatPartsOf(seat, seatParts, ride);
  if (seat_parts === undefined) return fieldInvalid('items.seat_parts', 'lead from the first stop of the journey to its last, seat after seat');
  return ok({
    item_id: itemId,
    version: itemVersion,
    passenger_id: passengerId,
    passenger_type: passengerTypes.of(passengerType) ?? 'ADULT',
    seat_parts,
    journey: journeyFrom(journey),
  });
}

/** Undefined when the seats do not cover the ride, or cover it twice somewhere. */
function seatPartsOf(only: SeatMessage, parts: readonly SeatPartMessage[], { from_index, to_index }: Pick<Journey, 'from_index' | 'to_index'>): SeatPart[] | undefined {
  if (parts.some(({ seat }) => seat === undefined)) return undefined;
  const seats = parts.length === 0 ? [{ seat: seatOf(only), from_index, to_index }] : parts.map(({ seat, fromIndex, toIndex }) => ({ seat: seatOf(seat!), from_index: fromIndex, to_index: toIndex }));
  const joined = seats.every((part, index) => part.from_index === (index === 0 ? from_index : seats[index - 1]!.to_index)) && seats.at(-1)!.to_index === to_index;
  return joined && isWay(from_index, seats.map((part) => ({ place: placeOf(part.seat), to_index: part.to_index }))) ? seats : undefined;
}

function seatOf({ coachNo, seatNo, seatClass, berthLevel }: SeatMessage): Seat {
  return { coach_no: coachNo, seat_no: seatNo, seat_class: seatClasses.of(seatClass) ?? '', berth_level: berthLevels.of(berthLevel) ?? '' };
}

function seatMessage({ coach_no, seat_no, seat_class, berth_level }: Seat) {
  return { coachNo: coach_no, seatNo: seat_no, seatClass: seatClasses.to(seat_class), berthLevel: berthLevels.to(berth_level) };
}
